"""Paths with homes and links in them, and those that lead nowhere: told of in a line, by the text that was written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blindspots.datasets.whereabouts import check_there
from blindspots.errors import InputError
from blindspots.jobs.file_bounds import ModelFile
from blindspots.paths import expanded, resolved
from blindspots.store.place import Place
from blindspots.study.file import load_study

NOBODY = "~nobody-of-this-name/there"


def test_a_home_is_written_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert expanded("~/link/x") == tmp_path / "link" / "x"
    assert resolved("~/link/x") == resolved("link/x") == tmp_path.resolve() / "data" / "x"
    assert expanded("x") == Path("x")


@pytest.mark.parametrize(
    "take",
    [
        expanded,
        resolved,
        Place.at,
        lambda path: check_there("pictures", Path(path)),
        lambda path: check_there(path, None),
        lambda path: load_study("quick", [f"bounds.alexnet={path}.pth"]),
        lambda path: ModelFile(f"{path}.pth").open(),
    ],
)
def test_a_home_that_is_not_known_is_named(take: Callable[[str], Any]) -> None:
    with pytest.raises(InputError, match=rf"{NOBODY}(\.pth)?: whose home .* is not known here; write it from / on"):
        take(NOBODY)


def test_links_in_a_circle_are_named(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    for take in (resolved, Place.at):
        with pytest.raises(InputError, match="one leads in a circle of links"):
            take(tmp_path / "one")
