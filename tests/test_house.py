"""The house's rules: which way imports run, how large files and folders may be, who knows the store's paths and files.

Each rule is shown on a house that breaks it in ``test_house_rules.py``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import (
    circles,
    circles_of_folders,
    file_operations,
    floors_broken,
    foreign,
    import_graph,
    numbered_slips,
    store_paths,
    too_full,
    too_long,
)

HOUSE = Path(__file__).parents[1]

GROUND = (
    *("arguments", "compiled", "device", "errors", "files", "identity", "intervals", "lazy", "names", "paths"),
    *("randomness", "registry"),
)
FLOORS = (
    tuple(f"blindspots.{name}" for name in (*GROUND, "version")),
    ("blindspots.study",),
    ("blindspots.store",),
    ("blindspots.paper",),
    ("blindspots.datasets",),
    ("blindspots.networks",),
    ("blindspots.models",),
    ("blindspots.perturbation",),
    ("blindspots.spectral",),
    ("blindspots.distortion",),
    ("blindspots.training",),
    ("blindspots.transfer", "blindspots.negatives", "blindspots.units", "blindspots.detectors"),
    ("blindspots.results",),
    ("blindspots.tables",),
    ("blindspots.figures",),
    ("blindspots.jobs",),
    ("blindspots.report", "blindspots.explorer"),
    ("blindspots.__init__",),
    ("tasks",),
    ("flows",),
)
"""From the ground up."""
MOST_LINES, MOST_FILES = 300, 16

STORE_FOLDERS = (
    *("models", "receipts", "study.zarr", "figures"),
    *(
        "sets",
        "references",
        "transfer",
        "predictions",
        "training",
        "pools",
        "hardened",
        "reasons",
        "negatives",
        "spectral",
        "certified",
        "quocnet",
        "detectors",
        "units",
        "tables",
    ),
)
LAYOUT = "blindspots/store/layout.py"
PLACES = (
    "blindspots/store/places/clearing.py",
    "blindspots/store/places/folder_store.py",
    "blindspots/store/places/local.py",
    "blindspots/store/places/hierarchy.py",
    "blindspots/store/places/objects.py",
    "blindspots/store/places/walking.py",
)
"""Where the store's files are asked for; an object store's libraries keep copies in temporary ones."""
OVER_THE_STORE = tuple(
    f"blindspots/{name}/" for name in ("store", "results", "tables", "figures", "jobs", "report", "explorer")
)  # whoever has a store in hand
OTHER_FILES = {
    "blindspots/jobs/stages/bounds.py": "a file of weights that the study names",
    "blindspots/store/places/machine.py": "what the system says of itself and of its processes",
    "blindspots/report/build.py": "the page's template",
}
"""Files over the store that may open some of their own, and which."""


def test_the_floors() -> None:
    assert floors_broken(HOUSE, FLOORS) == []


def test_no_circles_between_files() -> None:
    graph = import_graph(HOUSE, addresses=False)
    assert len(graph) > 200
    assert circles(graph) == []


def test_no_circles_between_folders() -> None:
    assert circles_of_folders(HOUSE) == []


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("blindspots", {"tasks", "flows", "prefect", "ray"}),
        ("tasks", {"flows"}),
        ("tasks/actors", {"flows", "prefect"}),
    ],
)
def test_what_each_part_does_not_know(folder: str, forbidden: set[str]) -> None:
    assert foreign(HOUSE, folder, forbidden) == []


def test_the_sizes() -> None:
    assert too_long(HOUSE, MOST_LINES) == []
    assert too_full(HOUSE, MOST_FILES) == []


def test_one_file_writes_the_stores_paths() -> None:
    assert store_paths(HOUSE, STORE_FOLDERS, exempt=[LAYOUT]) == []
    assert len(store_paths(HOUSE, STORE_FOLDERS, exempt=[])) > 5


def test_places_alone_touch_the_stores_files() -> None:
    assert file_operations(HOUSE, OVER_THE_STORE, exempt=[*PLACES, *OTHER_FILES]) == []
    assert len(file_operations(HOUSE, PLACES, exempt=[])) > 5
    for path, why in OTHER_FILES.items():
        assert file_operations(HOUSE, [path], exempt=[]), f"{path} does not: {why}"


def test_slips_have_names() -> None:
    assert numbered_slips(HOUSE) == []


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("blindspots", {"prefect", "ray", "torch", "zarr", "xarray", "scipy", "matplotlib"}),
        ("blindspots.study.study", {"prefect", "ray", "torch", "zarr", "xarray", "scipy", "matplotlib"}),
        ("blindspots.jobs.run", {"prefect", "ray", "matplotlib", "scipy.optimize", "scipy.stats"}),
        (
            "blindspots.jobs.damage",
            {"prefect", "matplotlib", "scipy.optimize", "scipy.stats", "sympy", "torch._dynamo"},
        ),
        ("tasks.actors.workers", {"prefect", "torch", "zarr", "xarray"}),
        ("flows.study", {"torch", "zarr", "xarray", "matplotlib"}),
        ("flows.cli", {"prefect", "ray", "torch", "zarr"}),
    ],
)
def test_importing_is_light(module: str, absent: set[str]) -> None:
    code = f"import {module}, sys; print(*sorted({absent!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOUSE)
    assert found.stdout.split() == []
