from itertools import pairwise
from pathlib import Path

import pytest

from blindspots.errors import InputError
from blindspots.store.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.at(tmp_path / "root")


def test_what_is_written_is_read_sized_listed_and_deleted(place: Place) -> None:
    assert not place.has_folder()
    assert list(place.files()) == place.names() == []
    place.write("a/b/0.json", b"one")
    place.write("a/c", b"three")
    place.write("top", b"")
    assert place.read("a/b/0.json") == b"one"
    assert (place.size("a/c"), place.size("a/d"), place.size("top/x")) == (5, None, None)
    assert list(place.files()) == ["top", "a/c", "a/b/0.json"]
    assert list(place.files("a")) == ["a/c", "a/b/0.json"]
    assert (place.names(), place.names("a"), place.names("none")) == (["a", "top"], ["b", "c"], [])
    assert place.has("a/c")
    assert not place.has("a")
    place.delete("a/c")
    place.delete("a/c")
    assert not place.has("a/c")
    place.delete_all("a")
    place.delete_all("a")
    assert place.names() == ["top"]
    with pytest.raises(FileNotFoundError):
        place.read("a/c")


def test_a_stamp_changes_whenever_a_file_is_written(place: Place) -> None:
    assert place.stamp("x") is None
    stamps = []
    for _ in range(20):  # the same content, sooner than some clocks tick
        place.write("x", b"same")
        stamps.append(place.stamp("x"))
        assert place.stamp("x") == stamps[-1]
    assert all(one != other for one, other in pairwise(stamps))


def test_what_killed_writers_left_goes_with_the_file_or_all_at_once(place: Place) -> None:
    place.write("a/0", b"y")
    for name in ("0.1f2e.partial", "1.1f2e.partial"):
        (place.root / "a" / name).write_bytes(b"x")
    place.delete("a/0")
    assert place.names("a") == ["1.1f2e.partial"]
    assert place.remove_partial() == 1
    assert Place(place.root / "missing").remove_partial() == 0
    assert place.names("a") == []


def test_a_lock_is_held_once_and_entered_again_by_its_holder(place: Place) -> None:
    with place.locked("lock") as before, place.locked("lock") as again:
        assert (before, again) == (False, True)
    with place.locked("lock") as after:
        assert not after


@pytest.mark.parametrize(
    ("root", "said"),
    [("s3://bucket/root", "object store, which is not supported yet"), ("", "the root is empty; name a local folder")],
)
def test_what_is_no_local_folder_is_refused(root: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Place.at(root)


def test_a_file_takes_the_place_and_a_folder_does_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Place.at(tmp_path / "file").is_taken()
    assert not Place.at(tmp_path).is_taken()
    assert not Place.at(tmp_path / "nothing").is_taken()


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write("old/a", b"1")
    place.write("old/c/b", b"2")
    place.copy("old/a", "new/d/a")
    place.replace_all("new", "old")
    place.replace_all("new", "old")  # as after a death in between: what is there stays
    assert list(place.files()) == ["old/d/a"]
    assert place.read("old/d/a") == b"1"
    with pytest.raises(OSError, match="a"):
        place.copy("old/a", "x")
