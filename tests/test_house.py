"""The house's rules: imports run one way, and importing the library is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
FORBIDDEN = {
    "blindspots": {"tasks", "flows", "prefect", "ray"},
    "tasks": {"flows"},
    "tasks/actors": {"flows", "prefect"},
}


def imported(path: Path) -> set[str]:
    """Return the top names of all modules that the file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_one_way(package: str) -> None:
    files = list((HOUSE / package).rglob("*.py"))
    assert len(files) > 2
    wrong = {str(path): found for path in files if (found := imported(path) & FORBIDDEN[package])}
    assert not wrong


def test_the_rule_sees_an_import_in_a_function(tmp_path: Path) -> None:
    file = tmp_path / "late.py"
    file.write_text("def late():\n    from prefect.artifacts import create_table_artifact\n")
    assert imported(file) == {"prefect"}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("blindspots", {"prefect", "ray", "torch", "zarr", "xarray", "scipy", "matplotlib"}),
        ("blindspots.study.study", {"prefect", "ray", "torch", "zarr", "xarray", "scipy", "matplotlib"}),
        ("blindspots.jobs.run", {"prefect", "ray", "matplotlib"}),
        ("tasks.actors.worker", {"prefect", "matplotlib"}),
        ("flows.cli", {"prefect", "ray", "torch", "zarr"}),
    ],
)
def test_importing_is_light(module: str, absent: set[str]) -> None:
    code = f"import {module}, sys; print(*sorted({absent!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOUSE)
    assert found.stdout.split() == []
