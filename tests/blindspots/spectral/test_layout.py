"""What the folder promises about itself: public names that are functions, and floors that lean on none above."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PLACE = Path(__file__).parents[3] / "blindspots" / "spectral"
FLOORS = ("matrix", "convolution", "rules", "graph", "", "relaxation", "proof")
"""From the ground up; the nameless one is the files beside the folders."""


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
