"""What is imported is declared, where it is needed, and what is declared is used."""

import os
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house import imports, parsed

HOUSE = Path(__file__).parents[1]
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = {"pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn"}
"""What is imported from a package, where that is not its name."""
NOT_IMPORTED = {
    "tqdm": "pooch's progress bar",
    "fastapi": "Prefect's, held back",
    "sqlalchemy": "Prefect's, held back",
    **dict.fromkeys(("flask", "flask-cors"), "moto's server"),
    **dict.fromkeys(("pytest-timeout", "pytest-xdist", "ruff", "mypy", "types-pyyaml"), "a tool"),
}
BY_HAND = {"adv_lib", "auto_LiRPA"}
"""What a benchmark takes where it is there: one asks for what is not used, the other for an older numpy and torch."""


def declared(requirements: list[str]) -> set[str]:
    """Return the packages that are named, without what an extra takes over from another."""
    found = {re.split(r"[^A-Za-z0-9_-]", line)[0].lower() for line in requirements}
    return found - {"blindspots"}


PARTS = {"pydantic_core": "pydantic"}
"""What another package is made of, brings itself, and has its users import from."""


def imported(*folders: str, without: tuple[str, ...] = ()) -> set[str]:
    """Return the foreign packages that are imported in files of ``folders``."""
    found = set()
    for folder in folders:
        for path in (HOUSE / folder).rglob("*.py"):
            if not any(each in path.as_posix() for each in without):
                roots = {where.partition(".")[0] for where, _ in imports(parsed(path), addresses=False)}
                found |= {PARTS.get(root, root) for root in roots}
    return found - set(sys.stdlib_module_names) - {"blindspots", "tasks", "flows", "tests"}


def names(packages: set[str]) -> set[str]:
    return {PACKAGES.get(package, package) for package in packages}


BASE = declared(PROJECT["dependencies"])
WORKFLOW = declared(PROJECT["optional-dependencies"]["workflow"])
OBJECTS = declared(PROJECT["optional-dependencies"]["objects"])
EXPLORE = declared(PROJECT["optional-dependencies"]["explore"])
PARQUET = declared(PROJECT["optional-dependencies"]["parquet"])
TEST = declared(PROJECT["optional-dependencies"]["test"])
BENCH = declared(PROJECT["optional-dependencies"]["bench"])


def test_what_is_imported_is_declared_where_it_is_needed() -> None:
    assert imported("blindspots", without=("/store/places/", "/explorer/")) <= names(BASE)
    assert imported("blindspots/explorer") <= names(BASE | EXPLORE)
    assert imported("blindspots/store/places") <= names(BASE | OBJECTS)
    assert imported("tasks", "flows") <= names(BASE | WORKFLOW)
    assert imported("tests", without=("/benchmarks/",)) <= names(BASE | WORKFLOW | OBJECTS | EXPLORE | PARQUET | TEST)
    assert imported("tests/benchmarks") <= names(BASE | WORKFLOW | OBJECTS | TEST | BENCH) | BY_HAND


def test_what_is_declared_is_used() -> None:
    ours, theirs = imported("blindspots", "tasks", "flows"), imported("tests")
    unused = {package for package in BASE | WORKFLOW | OBJECTS | EXPLORE if not names({package}) & ours}
    unused |= {package for package in TEST | BENCH if not names({package}) & theirs}
    assert unused == set(NOT_IMPORTED)
    assert not {"ray", "prefect", "fastapi", "sqlalchemy", "obstore", "starlette", "uvicorn"} & BASE


def test_every_tool_is_held_to_a_range() -> None:
    """Another release finds other things: nobody's commit is to fail for that."""
    for line in PROJECT["optional-dependencies"]["test"]:
        assert "<" in line or "==" in line or line.startswith("blindspots["), line


@pytest.mark.xdist_group("together")
def test_tests_of_a_group_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """Else each process starts a server of its own, and nothing fails but time: so it was with pytest 9.2."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@together")
