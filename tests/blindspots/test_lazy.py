"""Lazy exports: what type checkers see, what can be imported and what ``__all__`` says are the same names."""

import ast
import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from blindspots.lazy import exported

HOUSE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Exports:
    """What an ``__init__.py`` says three times: each name with its module, twice, and the names alone."""

    typed: dict[str, str]
    mapped: dict[str, str]
    listed: list[str]


def exports(text: str) -> Exports | None:
    """Return what the text of an ``__init__.py`` exports lazily, or None where it does not."""
    calls = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "exported"
    ]
    if not calls:
        return None
    typed: dict[str, str] = {}
    listed: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for each in node.body:
                assert isinstance(each, ast.ImportFrom), ast.unparse(each)
                assert each.module is not None
                typed |= {alias.asname or alias.name: each.module for alias in each.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed = ast.literal_eval(node.value)
    return Exports(typed, ast.literal_eval(calls[0].args[1]), listed)


def faults(text: str, folder: Path) -> list[str]:
    """Return what is wrong with the exports of ``folder``, whose ``__init__.py`` has this text."""
    said = exports(text)
    if said is None:
        return []
    found = [f"{name}: not the same module in both" for name in said.typed if said.typed[name] != said.mapped.get(name)]
    for what, names in (("mapping", set(said.mapped)), ("__all__", set(said.listed))):
        found += [f"{name}: only in one of TYPE_CHECKING and {what}" for name in sorted(names ^ set(said.typed))]
    if len(said.listed) != len(set(said.listed)):
        found.append("a name stands twice in __all__")
    below = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    return found + [f"{name}: a module below has the same name" for name in sorted(below & set(said.mapped))]


PACKAGES = [
    path.parent
    for part in ("blindspots", "tasks", "flows")
    for path in sorted((HOUSE / part).rglob("__init__.py"))
    if exports(path.read_text(encoding="utf-8")) is not None
]


def imported(folder: Path) -> ModuleType:
    return importlib.import_module(".".join(folder.relative_to(HOUSE).parts))


def test_there_are_packages_to_look_at() -> None:
    assert {"blindspots", "spectral", "study", "networks"} <= {folder.name for folder in PACKAGES}


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: str(folder.relative_to(HOUSE)))
def test_what_is_seen_is_what_can_be_imported(folder: Path) -> None:
    text = (folder / "__init__.py").read_text(encoding="utf-8")
    assert faults(text, folder) == []
    said, package = exports(text), imported(folder)
    assert said is not None
    for name, module in said.mapped.items():
        assert getattr(package, name) is getattr(importlib.import_module(module), name)
    assert dir(package) == sorted(said.mapped)
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nothing_of_the_kind'"):
        _ = package.nothing_of_the_kind


RIGHT = """
from typing import TYPE_CHECKING
from blindspots.lazy import exported
if TYPE_CHECKING:
    from a.one import bound
    from a.other import norm
else:
    __getattr__, __dir__ = exported(__name__, {"bound": "a.one", "norm": "a.other"})
__all__ = ["bound", "norm"]
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", []),
        ('["bound", "norm"]', '["bound"]', ["norm: only in one of TYPE_CHECKING and __all__"]),
        ('["bound", "norm"]', '["bound", "norm", "norm"]', ["a name stands twice in __all__"]),
        ('"norm": "a.other"', '"norm": "a.one"', ["norm: not the same module in both"]),
        (
            "    from a.other import norm\n",
            "",
            ["norm: only in one of TYPE_CHECKING and mapping", "norm: only in one of TYPE_CHECKING and __all__"],
        ),
        (
            ', "norm": "a.other"',
            "",
            ["norm: not the same module in both", "norm: only in one of TYPE_CHECKING and mapping"],
        ),
        ("from a.one import bound", "from a.one import other as bound", []),
    ],
)
def test_the_rule_sees_what_differs(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    (tmp_path / "one.py").touch()
    assert faults(RIGHT.replace(old, new), tmp_path) == said


@pytest.mark.parametrize("name", ["norm.py", "norm/__init__.py"])
def test_the_rule_sees_a_module_of_the_same_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert faults(RIGHT, tmp_path) == ["norm: a module below has the same name"]


def test_a_name_is_imported_when_it_is_asked_for() -> None:
    get, names = exported("package", {"there": "json", "dumps": "json", "absent": "no.such.module"})
    assert names() == ["absent", "dumps", "there"]
    assert callable(get("dumps"))
    with pytest.raises(ModuleNotFoundError):
        get("absent")
    with pytest.raises(AttributeError, match="module 'package' has no attribute 'loads'"):
        get("loads")
