"""The rule that tests mirror the packages: which modules have logic, and which tests read them."""

import ast
from collections.abc import Mapping
from pathlib import Path

from tests.house import Graph, import_graph, imported_files, modules, parsed


def has_logic(tree: ast.Module) -> bool:
    """Tell whether any function of the file does something: more than a docstring, ``...`` or ``pass``."""
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(not _is_idle(each) for each in node.body)
        for node in ast.walk(tree)
    )


def _is_idle(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def own_test(path: Path, house: Path) -> Path:
    """Return where the tests of a module are looked for: ``a/b.py`` has them in ``tests/a/test_b.py``."""
    inside = path.relative_to(house)
    return house / "tests" / inside.with_name(f"test_{inside.name}")


def alone(house: Path) -> list[str]:
    """Return the modules with logic that have no test of their own."""
    return [
        path.relative_to(house).as_posix()
        for path in modules(house).values()
        if has_logic(parsed(path)) and not own_test(path, house).is_file()
    ]


def without_test(house: Path, covered: Mapping[str, str]) -> list[str]:
    """Return the modules with logic that have no test of their own and do not stand in ``covered``."""
    return [inside for inside in alone(house) if inside not in covered]


def wrong_entries(house: Path, covered: Mapping[str, str]) -> list[str]:
    """Return what is wrong with ``covered``: modules, each with the test that covers it.

    A module must be there, have logic and no test of its own, and its test must reach it by imports, whatever lies
    between.
    """
    names = {path.relative_to(house).as_posix(): name for name, path in modules(house).items()}
    graph, needed = import_graph(house), alone(house)
    found = []
    for inside, test in covered.items():
        if inside not in needed:
            found.append(f"{inside} is not there, or needs no entry")
        elif not (house / test).is_file():
            found.append(f"{test}, which is to cover {inside}, is not there")
        elif names[inside] not in _reached(house / test, house, graph):
            found.append(f"{test} does not reach {inside}")
    return found


def _reached(test: Path, house: Path, graph: Graph) -> set[str]:
    """Return all modules that a test imports, and what those import; the fixtures beside and above it belong to it."""
    fixtures = (folder / "conftest.py" for folder in test.parents)
    new: set[str] = set()
    for path in (test, *(path for path in fixtures if path.is_file())):
        new |= imported_files(path, house)
    found: set[str] = set()
    while new:
        name = new.pop()
        found.add(name)
        new |= graph[name] - found
    return found
