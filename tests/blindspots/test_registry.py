"""Registries: entries by name, those of installed packages among them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from blindspots import registry
from blindspots.errors import InputError
from blindspots.registry import EXTENSIONS, Registry, deferred, load_extensions


@dataclass(frozen=True)
class Fruit:
    name: str
    colour: str = "green"


FRUITS = Registry[Fruit]("fruit", Fruit("1"), Fruit("apple"))
"""To this one the packages of the tests add."""


@pytest.fixture
def fruits() -> Registry[Fruit]:
    return Registry("fruit", Fruit("1"), Fruit("apple"), Fruit("pear"))


def test_entries_are_found_in_the_order_in_which_they_were_added(fruits: Registry[Fruit]) -> None:
    added = fruits.add(Fruit("lemon", "yellow"))
    assert list(fruits) == ["1", "apple", "pear", "lemon"]
    assert fruits["lemon"] is fruits.find("lemon") is added
    assert fruits.find(1) is fruits["1"]
    assert len(fruits) == 4
    assert "lemon" in fruits
    assert "plum" not in fruits
    fruits.remove("lemon")
    assert list(fruits) == ["1", "apple", "pear"]


def test_a_name_is_given_once(fruits: Registry[Fruit]) -> None:
    fruits.add(Fruit("apple"))  # a module that is loaded twice adds the same again
    assert list(fruits) == ["1", "apple", "pear"]
    with pytest.raises(ValueError, match="there is a fruit called 'apple' already"):
        fruits.add(Fruit("apple", "red"))
    assert fruits["apple"].colour == "green"


def test_what_is_not_there_is_refused_with_what_is(fruits: Registry[Fruit]) -> None:
    with pytest.raises(InputError, match=r"^there is no fruit plum; there are 1, apple and pear$"):
        fruits.find("plum")
    with pytest.raises(InputError, match=r"^there is no fruit 9; there is 1$"):
        Registry("fruit", Fruit("1")).find(9)
    with pytest.raises(InputError, match=r"^there is no fruit 9; there is none$"):
        Registry[Fruit]("fruit").find(9)
    with pytest.raises(KeyError):
        fruits["plum"]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Install a package whose module has this text, and which offers it."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(FRUITS)
    load_extensions.cache_clear()

    def installed(text: str) -> None:
        (tmp_path / "orchard.py").write_text(text)
        offered = EntryPoints([EntryPoint("orchard", "orchard", EXTENSIONS), EntryPoint("other", "missing", "other")])
        monkeypatch.setattr(registry, "entry_points", lambda group: offered.select(group=group))

    yield installed
    load_extensions.cache_clear()
    for name in set(FRUITS._entries) - before:
        FRUITS.remove(name)


PLUM = f"from {__name__} import FRUITS, Fruit\nFRUITS.add(Fruit('plum', 'blue'))\n"


@pytest.mark.parametrize(
    "read",
    [
        lambda: FRUITS.find("plum").colour == "blue",
        lambda: FRUITS["plum"].colour == "blue",
        lambda: "plum" in FRUITS,
        lambda: list(FRUITS)[-1] == "plum",
        lambda: len(FRUITS) == 3,
    ],
)
def test_what_packages_offer_is_there_however_it_is_read(
    install: Callable[[str], None], read: Callable[[], bool]
) -> None:
    install(PLUM)
    assert read()


def test_a_package_that_cannot_be_imported_is_named(install: Callable[[str], None]) -> None:
    install("import no_such_module\n")
    with pytest.raises(InputError, match="orchard, which an installed package offers"):
        FRUITS.find("apple")


def test_a_deferred_function_is_imported_when_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    late = deferred("late_module:joined")
    (tmp_path / "late_module.py").write_text("def joined(one, *, other):\n    return one + other\n")
    assert late("a", other="b") == "ab"
