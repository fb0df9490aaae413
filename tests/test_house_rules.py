"""Every rule of the house on one that breaks it, and on one that nearly does."""

from collections.abc import Callable
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

LAZY = """
from typing import TYPE_CHECKING
from blindspots.lazy import exported
if TYPE_CHECKING:
    from blindspots.up.late import name
else:
    __getattr__, __dir__ = exported(__name__, {"name": "blindspots.up.late"})
"""
THREE = (("blindspots.ground", "blindspots.lazy"), ("blindspots.low",), ("blindspots.up", "blindspots.side"))

Build = Callable[[dict[str, str]], Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Build a house of these files; every folder has an ``__init__.py``."""

    def built(files: dict[str, str]) -> Path:
        for name, text in {"blindspots/ground.py": "", "blindspots/lazy.py": "", **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            for folder in path.relative_to(tmp_path).parents[:-1]:
                (tmp_path / folder / "__init__.py").touch()
        return tmp_path

    return built


@pytest.mark.parametrize(
    ("files", "broken"),
    [
        ({"blindspots/low/a.py": "from blindspots import ground", "blindspots/up/b.py": "import blindspots.low.a"}, []),
        ({"blindspots/ground.py": "import blindspots.lazy"}, []),
        ({"blindspots/up/b.py": "from blindspots.up.c import x", "blindspots/up/c.py": ""}, []),
        (
            {"blindspots/low/a.py": "def late():\n    from blindspots.up.b import x", "blindspots/up/b.py": ""},
            ["blindspots.low.a imports blindspots.up.b, which is not below it"],
        ),
        (
            {"blindspots/ground.py": "import blindspots.low.a", "blindspots/low/a.py": ""},
            ["blindspots.ground imports blindspots.low.a, which is not below it"],
        ),
        (
            {"blindspots/low/a.py": "if TYPE_CHECKING:\n    from blindspots.up import b", "blindspots/up/b.py": ""},
            ["blindspots.low.a imports blindspots.up.b, which is not below it"],
        ),
        (
            {"blindspots/low/a.py": "x = deferred('blindspots.up.b:draw')", "blindspots/up/b.py": ""},
            ["blindspots.low.a imports blindspots.up.b, which is not below it"],
        ),
        (
            {"blindspots/side/s.py": "from blindspots.up.b import x", "blindspots/up/b.py": ""},
            ["blindspots.side.s imports blindspots.up.b, which is not below it"],
        ),
        (
            {
                "blindspots/up/__init__.py": LAZY,
                "blindspots/up/late.py": "",
                "blindspots/low/a.py": "import blindspots.up",
            },
            ["blindspots.low.a imports blindspots.up, which is not below it"],
        ),
        ({"blindspots/new.py": ""}, ["blindspots.new stands on no floor"]),
    ],
)
def test_the_rule_of_floors(build: Build, files: dict[str, str], broken: list[str]) -> None:
    assert floors_broken(build(files), (*THREE, ("blindspots.__init__",))) == broken


def test_lazy_exports_are_no_imports_and_lead_to_where_a_name_is_at_home(build: Build) -> None:
    house = build(
        {
            "blindspots/__init__.py": LAZY,
            "blindspots/up/late.py": "from blindspots.low.a import x",
            "blindspots/low/a.py": "from blindspots import name",
        }
    )
    graph = import_graph(house)
    assert graph["blindspots"] == {"blindspots.lazy"}
    assert graph["blindspots.low.a"] == {"blindspots.up.late"}
    assert circles(graph) == ["blindspots.low.a <-> blindspots.up.late"]
    assert "blindspots.low.a imports blindspots.up.late, which is not below it" in floors_broken(house, THREE)


@pytest.mark.parametrize(
    ("files", "between_files", "between_folders"),
    [
        (
            {"blindspots/a.py": "import blindspots.b", "blindspots/b.py": "def late():\n    from blindspots import a"},
            ["blindspots.a <-> blindspots.b"],
            ["blindspots.a <-> blindspots.b"],
        ),
        (
            {
                "blindspots/a/one.py": "from blindspots.b.two import x",
                "blindspots/b/two.py": "",
                "blindspots/b/three.py": "from blindspots.a.four import x",
                "blindspots/a/four.py": "",
            },
            [],
            ["blindspots.a <-> blindspots.b"],
        ),
        (
            {
                "blindspots/a/one/x.py": "import blindspots.a.two",
                "blindspots/a/two.py": "import blindspots.a.one.y",
                "blindspots/a/one/y.py": "",
            },
            [],
            ["blindspots.a.one <-> blindspots.a.two"],
        ),
        (
            {
                "blindspots/a/__init__.py": "from blindspots.a.one import x",
                "blindspots/a/one.py": "import blindspots.a",
            },
            ["blindspots.a <-> blindspots.a.one"],
            ["blindspots.a.__init__ <-> blindspots.a.one"],
        ),
        (
            {"blindspots/a.py": "deferred('blindspots.b:draw')", "blindspots/b.py": "from blindspots.a import title"},
            [],
            [],
        ),
        (
            {"blindspots/a.py": "import blindspots.b", "blindspots/b.py": "import blindspots.c", "blindspots/c.py": ""},
            [],
            [],
        ),
    ],
)
def test_the_rule_of_circles(
    build: Build, files: dict[str, str], between_files: list[str], between_folders: list[str]
) -> None:
    house = build(files)
    assert circles(import_graph(house, addresses=False)) == between_files
    assert circles_of_folders(house) == between_folders


def test_a_circle_of_many_is_one() -> None:
    assert circles({"a": "b", "b": "c", "c": "ad", "d": "e", "e": "", "f": "g", "g": "f"}) == [
        "a <-> b <-> c",
        "f <-> g",
    ]


def test_the_rule_sees_a_foreign_import_in_a_function(build: Build) -> None:
    house = build(
        {"blindspots/a.py": "def late():\n    from prefect.artifacts import x", "blindspots/b.py": "import json"}
    )
    assert foreign(house, "blindspots", {"prefect", "ray"}) == ["blindspots/a.py imports prefect.artifacts"]


def test_the_rule_of_sizes(build: Build) -> None:
    house = build({f"blindspots/a/{name}.py": "x = 1\n" * 5 for name in "bcd"} | {"blindspots/long.py": "x = 1\n" * 6})
    assert too_long(house, 5) == ["blindspots/long.py: 6 lines"]
    assert too_full(house, 3) == ["blindspots: 4 files", "blindspots/a: 4 files"]  # an __init__.py is one of them


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 'sets/fc10'", "writes the store's path 'sets/fc10'"),
        ("x = f'sets/{model}/seed-0'", "writes the store's path 'sets/'"),
        ('def f():\n    """Return it."""\n    return root / "study.zarr/sets"', "path 'study.zarr/sets'"),
        ('"""sets/fc10 is a set."""\nx = "assets/"', ""),
        ("x = 'sets'", ""),
    ],
)
def test_the_rule_of_paths(build: Build, text: str, said: str) -> None:
    house = build({"blindspots/a.py": text})
    found = store_paths(house, ["sets", "study.zarr"], exempt=["blindspots/b.py"])
    assert said in found[0] if said else not found
    assert not store_paths(house, ["sets", "study.zarr"], exempt=["blindspots/a.py"])


@pytest.mark.parametrize(
    ("text", "operations"),
    [
        ("path.unlink(missing_ok=True)", 1),
        ("(folder / 'x').write_text('y')", 1),
        ("path.replace(other)", 1),
        ("path.open('rb')", 1),
        ("with open('x') as file: pass", 1),
        ("os.replace('x', 'y')", 1),
        ("os.path.exists('x')", 1),
        ("import shutil", 1),
        ("def f():\n    from filelock import FileLock", 1),
        ("from os import listdir", 1),
        ("text.replace('x', 'y'); replace(value, field=1); os.getpid(); path.parent / 'x'; model.open()", 0),
        ("import os", 0),
    ],
)
def test_the_rule_of_file_operations(build: Build, text: str, operations: int) -> None:
    house = build({"blindspots/store/a.py": text, "blindspots/other.py": text})
    assert len(file_operations(house, ["blindspots/store/"], exempt=["blindspots/store/place.py"])) == operations
    assert not file_operations(house, ["blindspots/store/"], exempt=["blindspots/store/a.py"])


def test_the_rule_of_slips(tmp_path: Path) -> None:
    number = 13
    (tmp_path / "a.md").write_text(
        f"the first line\nas in Slip {number}\nslips of the paper, 4 of them\n(slip ({number}))\n"
    )
    (tmp_path / "b.py").write_text(f"x = 1  # slip no. {number}, slips")
    (tmp_path / "c.bin").write_text(f"slip {number}")
    assert numbered_slips(tmp_path) == [
        f"a.md:2: as in Slip {number}",
        f"a.md:4: (slip ({number}))",
        f"b.py:1: x = 1  # slip no. {number}, slips",
    ]
