"""The rules of the house, as functions of a tree of files: each returns what breaks it, in words."""

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

PARTS = ("blindspots", "tasks", "flows")
Graph = dict[str, set[str]]


@cache
def parsed(path: Path) -> ast.Module:
    """Return the file's syntax tree; files do not change while the rules are asked."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def modules(house: Path) -> dict[str, Path]:
    """Return every file of the packages by its dotted name; a folder's ``__init__.py`` has the folder's."""
    found = {}
    for part in PARTS:
        for path in sorted((house / part).rglob("*.py")):
            names = path.relative_to(house).with_suffix("").parts
            found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


@cache
def lazy_exports(tree: ast.Module) -> dict[str, str]:
    """Return the names that an ``__init__.py`` exports lazily, each with its module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "exported":
            found: dict[str, str] = ast.literal_eval(node.args[1])
            return found
    return {}


def imports(tree: ast.Module, *, addresses: bool = True) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of everything that a file imports, wherever in it; "" for a whole module.

    Imports inside functions count, and those for type checkers alone, since who reads a file must know them as well.
    With ``addresses`` also what a registry imports later, by :func:`blindspots.registry.deferred`. Lazy exports do not
    count: they say where a folder's names are at home, so they point at what stands above them, and import nothing.
    """
    twin = bool(lazy_exports(tree))
    for node in tree.body:
        if twin and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        for each in ast.walk(node):
            if isinstance(each, ast.Import):
                yield from ((alias.name, "") for alias in each.names)
            elif isinstance(each, ast.ImportFrom):
                assert each.level == 0, f"line {each.lineno}: a relative import"
                assert each.module is not None
                yield from ((each.module, alias.name) for alias in each.names)
            elif addresses and isinstance(each, ast.Call) and ast.unparse(each.func) == "deferred":
                where, _, what = ast.literal_eval(each.args[0]).partition(":")
                yield where, what


def import_graph(house: Path, *, addresses: bool = True) -> Graph:
    """Return which files of the house each file imports, by their dotted names; ``addresses`` as in :func:`imports`."""
    return {name: imported_files(path, house, addresses=addresses) - {name} for name, path in modules(house).items()}


def imported_files(path: Path, house: Path, *, addresses: bool = True) -> set[str]:
    """Return which files of the house a file imports.

    A name that a folder exports lazily is imported from where it is at home.
    """
    files = modules(house)
    found = set()
    for where, what in imports(parsed(path), addresses=addresses):
        home = lazy_exports(parsed(files[where])).get(what, "") if where in files else ""
        found.add(next((target for target in (f"{where}.{what}", home, where) if target in files), ""))
    return found - {""}


def circles(graph: Mapping[str, Collection[str]]) -> list[str]:
    """Return every knot of nodes that lead to each other, as a line; a graph without circles has none."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[str] = []

    def visit(node: str) -> None:  # Tarjan's algorithm
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            knot = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(knot) > 1:
                found.append(" <-> ".join(sorted(knot)))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def circles_of_folders(house: Path) -> list[str]:
    """Return the circles among what lies right in one folder, files and folders, for every folder of the house.

    A registry's addresses are left out: an entry says where its drawing is, which reads its own title in the entry.
    """
    graph, files = import_graph(house, addresses=False), modules(house)
    found = []
    for package in ["", *(name for name, path in files.items() if path.name == "__init__.py")]:
        between: Graph = {}
        for source, targets in graph.items():
            for target in targets:
                ends = _child(package, source), _child(package, target)
                if None not in ends and ends[0] != ends[1]:
                    between.setdefault(str(ends[0]), set()).add(str(ends[1]))
        found += circles(between)
    return found


def _child(package: str, name: str) -> str | None:
    """Return what of ``package`` the file is, or lies in: a file or folder right in it, itself for its ``__init__``."""
    if name == package:
        return f"{package}.__init__"
    start = f"{package}." if package else ""
    return start + name.removeprefix(start).partition(".")[0] if name.startswith(start) else None


def floors_broken(house: Path, floors: Sequence[Iterable[str]]) -> list[str]:
    """Return every import of what does not stand on a lower floor, and what stands on none.

    ``floors``: from the ground up, the dotted names of files and folders; "folder.__init__" is that file alone. Those
    of one floor do not import each other, but the ground's do.
    """
    level = {name: number for number, names in enumerate(floors) for name in names}

    def home(name: str) -> str | None:
        if f"{name}.__init__" in level:
            return f"{name}.__init__"
        parts = name.split(".")
        return next((start for n in range(len(parts), 0, -1) if (start := ".".join(parts[:n])) in level), None)

    found = []
    for source, targets in import_graph(house).items():
        here = home(source)
        if here is None:
            found.append(f"{source} stands on no floor")
            continue
        for target in sorted(targets):
            there = home(target)
            if there is not None and there != here and not (level[there] < level[here] or level[there] == 0):
                found.append(f"{source} imports {target}, which is not below it")
    return found


def foreign(house: Path, folder: str, forbidden: Collection[str]) -> list[str]:
    """Return which files of ``folder`` import one of the packages ``forbidden``."""
    return [
        f"{path.relative_to(house)} imports {where}"
        for path in sorted((house / folder).rglob("*.py"))
        for where, _ in imports(parsed(path))
        if where.partition(".")[0] in forbidden
    ]


def too_long(house: Path, lines: int) -> list[str]:
    """Return the files with more than ``lines`` lines."""
    counted = {path: path.read_text(encoding="utf-8").count("\n") for path in modules(house).values()}
    return [f"{path.relative_to(house)}: {count} lines" for path, count in counted.items() if count > lines]


def too_full(house: Path, files: int) -> list[str]:
    """Return the folders with more than ``files`` files."""
    counted: dict[Path, int] = {}
    for path in modules(house).values():
        counted[path.parent] = counted.get(path.parent, 0) + 1
    return [f"{folder.relative_to(house)}: {count} files" for folder, count in counted.items() if count > files]


def store_paths(house: Path, tops: Collection[str], *, exempt: Collection[str]) -> list[str]:
    """Return the texts outside the files ``exempt`` that begin as a path of the store: one of ``tops``, and a slash."""
    starts = tuple(f"{top}/" for top in tops)
    return _outside(
        house,
        "",
        exempt,
        lambda tree: [
            (node.lineno, f"writes the store's path {node.value!r}")
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value.startswith(starts)
            and id(node) not in _docstrings(tree)
        ],
    )


@cache
def _docstrings(tree: ast.Module) -> frozenset[int]:
    """Return which constants stand as statements of their own: they are read by people."""
    return frozenset(id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr))


_ON_PATHS = {
    *("chmod", "exists", "glob", "is_dir", "is_file", "is_symlink", "iterdir", "lstat", "mkdir", "open", "read_bytes"),
    *("read_text", "rename", "rglob", "rmdir", "samefile", "stat", "symlink_to", "touch", "unlink", "walk"),
    *("write_bytes", "write_text"),
}
"""Methods of a path that ask the file system, and that nothing else in these folders has."""
_MODULES = {"fcntl", "filelock", "glob", "shutil", "tempfile"}
"""Modules that are for nothing but files."""
_FUNCTIONS_OF_OS = {
    *("chmod", "fsync", "link", "listdir", "lstat", "makedirs", "mkdir", "open", "remove", "removedirs", "rename"),
    *("replace", "rmdir", "scandir", "stat", "symlink", "truncate", "unlink", "walk"),
}


def file_operations(house: Path, folders: Iterable[str], *, exempt: Collection[str]) -> list[str]:
    """Return where files of ``folders``, but for those ``exempt``, ask the file system for anything themselves."""
    found = []
    for folder in folders:
        found += _outside(house, folder, exempt, _operations)
    return found


def _operations(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, f"imports {each.name}") for each in node.names if each.name in _MODULES)
        elif isinstance(node, ast.ImportFrom):
            functions = {each.name for each in node.names} & _FUNCTIONS_OF_OS
            if node.module in _MODULES or (node.module == "os" and functions):
                yield node.lineno, f"imports from {node.module}"
        elif isinstance(node, ast.Call) and _is_operation(node):
            yield node.lineno, f"calls {ast.unparse(node.func)}"


def _is_operation(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id == "open"
    if not isinstance(call.func, ast.Attribute):
        return False
    name, owner = call.func.attr, ast.unparse(call.func.value)
    if owner in ("os", "os.path"):
        return name in _FUNCTIONS_OF_OS | {"exists", "getmtime", "getsize", "isdir", "isfile"}
    if name == "open":  # of a path: with a mode; a model or a place of ours: with nothing
        return bool(call.args or call.keywords)
    if name == "replace":  # of a path: one argument; of a text: two; of a dataclass: fields by name
        return len(call.args) == 1 and not call.keywords
    return name in _ON_PATHS


def _outside(
    house: Path, folder: str, exempt: Collection[str], seen: Callable[[ast.Module], Iterable[tuple[int, str]]]
) -> list[str]:
    return [
        f"{where}:{line} {what}"
        for path in modules(house).values()
        if (where := path.relative_to(house).as_posix()).startswith(folder) and where not in exempt
        for line, what in seen(parsed(path))
    ]


_SLIP = re.compile(r"\bslips?\s+(?:no\.?\s*|number\s+|#\s*|\()?\d", re.IGNORECASE)
_FOLDERS = {*PARTS, "tests", "deploy", ".ci", ".github"}
_TEXTS = {".cfg", ".cff", ".html", ".jinja", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}


def numbered_slips(house: Path) -> list[str]:
    """Return where a text calls a slip of the paper by a number that leads nowhere."""
    found = []
    for path in sorted(house.rglob("*")):
        parts = path.relative_to(house).parts
        if path.suffix not in _TEXTS or (len(parts) > 1 and parts[0] not in _FOLDERS):  # a store or a venv is not ours
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if _SLIP.search(line):
                found.append(f"{'/'.join(parts)}:{number}: {line.strip()}")
    return found
