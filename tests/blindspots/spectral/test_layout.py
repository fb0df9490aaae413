"""What the folder promises about itself: public names, and floors that lean on none above them."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

PLACE = Path(__file__).parents[3] / "blindspots" / "spectral"
FLOORS = ("matrix", "convolution", "rules", "graph", "", "proof")
"""From the ground up; the nameless one is the files beside the folders."""
PACKAGES = ["blindspots.spectral", *(f"blindspots.spectral.{floor}" for floor in FLOORS if floor)]


def typed_names(package: str) -> dict[str, str]:
    """Return what type checkers are told that ``package`` exports, and from which modules."""
    tree = ast.parse(Path(str(import_module(package).__file__)).read_text(encoding="utf-8"))
    twins = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in twins[0].body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_what_type_checkers_see(package: str) -> None:
    module = import_module(package)
    names = typed_names(package)
    assert sorted(names) == sorted(module.__all__) == dir(module)
    for name, place in names.items():
        assert getattr(module, name) is getattr(import_module(place), name)
    below = {path.stem for path in Path(str(module.__file__)).parent.iterdir()}
    assert not below & set(names)
    with pytest.raises(AttributeError, match="no attribute 'conv_nrom'"):
        _ = module.conv_nrom


def test_a_public_name_is_the_function_whatever_was_imported_before() -> None:
    code = (
        "import blindspots.spectral.convolution.norm, blindspots.spectral.matrix.norm\n"
        "from blindspots.spectral import conv_norm, linear_norm\n"
        "print(callable(conv_norm), callable(linear_norm))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "True"]


def test_importing_it_is_light() -> None:
    code = "import blindspots.spectral, sys; print(*sorted({'torch', 'numpy', 'xarray'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def imported_modules(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def module_name(path: Path) -> str:
    return "blindspots.spectral." + ".".join(path.relative_to(PLACE).with_suffix("").parts)


FILES = {module_name(path): path for path in sorted(PLACE.rglob("*.py")) if path.stem != "__init__"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_leans_on_its_own_floor_and_those_below(name: str) -> None:
    floor = FLOORS.index(FILES[name].parent.relative_to(PLACE).as_posix().replace(".", ""))
    read = {FILES[other] for other in imported_modules(FILES[name]) & set(FILES)}
    above = {path for path in read if path.parent.relative_to(PLACE).as_posix().replace(".", "") in FLOORS[floor + 1 :]}
    assert not above
    assert "blindspots.spectral" not in imported_modules(FILES[name])


def test_no_two_files_lean_on_each_other() -> None:
    reads = {name: imported_modules(path) & set(FILES) for name, path in FILES.items()}
    assert len(reads) > 40
    while free := {name for name, read in reads.items() if not read & set(reads)}:
        reads = {name: read for name, read in reads.items() if name not in free}
    assert not reads
