from itertools import pairwise
from pathlib import Path

import pytest

from blindspots.store.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.at(tmp_path / "root")


def test_a_stamp_changes_whenever_a_file_is_written(place: Place) -> None:
    stamps = []
    for _ in range(20):  # the same content, sooner than some clocks tick
        place.write("x", b"same")
        stamps.append(place.stamp("x"))
    assert all(one != other for one, other in pairwise(stamps))


def test_what_killed_writers_left_goes_with_the_file_or_all_at_once(place: Place) -> None:
    place.write("a/0", b"y")
    for name in ("0.1f2e.partial", "1.1f2e.partial"):
        Path(place.path(f"a/{name}")).write_bytes(b"x")
    place.delete("a/0")
    assert place.names("a") == ["1.1f2e.partial"]
    assert place.remove_partial() == 1
    assert Place.at(place.path("missing")).remove_partial() == 0
    assert place.names("a") == []


def test_a_file_takes_the_place_and_a_folder_does_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Place.at(tmp_path / "file").is_taken()
    assert not Place.at(tmp_path).is_taken()
    assert not Place.at(tmp_path / "nothing").is_taken()


def test_a_folder_that_takes_the_place_of_another_is_gone(place: Place) -> None:
    place.write("old/a", b"1")
    place.write("new/b", b"2")
    place.replace_all("new", "old")
    assert list(place.files()) == ["old/b"]


def test_a_folder_on_another_disk_is_deleted_with_what_the_link_leads_to(place: Place, tmp_path: Path) -> None:
    for _ in range(2):
        place.write("sets/a", b"1")
        disk = tmp_path / "disk"
        Path(place.path("sets")).rename(disk)
        Path(place.path("sets")).symlink_to(disk)
        assert list(place.files()) == ["sets/a"]
        place.delete_all("sets")
        assert not place.has_folder("sets")
        assert not disk.exists()
    place.write("new/b", b"2")
    place.replace_all("new", "sets")
    assert list(place.files()) == ["sets/b"]


def test_libraries_are_given_the_file_itself(place: Place) -> None:
    place.write("a", b"")
    with place.local_file("a") as path:
        assert path == place.path("a")
    assert str(place.zarr("study.zarr").root) == place.path("study.zarr")
