"""The tree of the project's own exceptions."""

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from blindspots.errors import BlindspotsError, InputError, StageFailedError

HOUSE = Path(__file__).parents[2]


def exception_classes() -> Iterator[tuple[str, list[str]]]:
    """Yield name and bases of every class of the three packages that is called an error."""
    for package in ("blindspots", "tasks", "flows"):
        for path in sorted((HOUSE / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                    yield node.name, [ast.unparse(base) for base in node.bases]


def test_every_exception_of_the_project_hangs_on_the_one_tree() -> None:
    classes = dict(exception_classes())
    assert {"InputError", "NoRuleError", "CorruptShardError", "DivergedError", "StoppedError"} <= set(classes)
    inside = {"BlindspotsError"}
    while grown := {name for name, bases in classes.items() if set(bases) & inside} - inside:
        inside |= grown
    assert set(classes) == inside


def test_no_file_compares_the_name_of_an_exceptions_class() -> None:
    files = [path for package in ("blindspots", "tasks", "flows") for path in (HOUSE / package).rglob("*.py")]
    assert not [str(path) for path in files if "type(error).__name__ ==" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("kind", [InputError, StageFailedError])
def test_an_error_is_caught_by_the_base_and_crosses_processes(kind: type[BlindspotsError]) -> None:
    error = pickle.loads(pickle.dumps(kind("10 classes")))
    assert type(error) is kind
    assert isinstance(error, BlindspotsError)
    assert str(error) == "10 classes"


def test_who_catches_pythons_own_classes_still_does() -> None:
    assert issubclass(InputError, ValueError)
    assert issubclass(StageFailedError, RuntimeError)
