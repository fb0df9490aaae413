import hashlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from blindspots.errors import InputError
from blindspots.store.place import Place


def test_what_is_written_is_read_sized_listed_and_deleted(any_place: Place) -> None:
    place = any_place
    assert not place.has_folder()
    assert list(place.files()) == place.names() == []
    place.write("a/b/0.json", b"one")
    place.write("a/c", b"three")
    place.write("top", b"")
    assert place.read("a/b/0.json") == b"one"
    assert (place.size("a/c"), place.size("a/d"), place.size("top/x")) == (5, None, None)
    assert list(place.files()) == ["top", "a/c", "a/b/0.json"]
    assert list(place.files("a")) == ["a/c", "a/b/0.json"]
    assert list(place.files("top")) == list(place.files("none")) == []
    assert (place.names(), place.names("a"), place.names("none")) == (["a", "top"], ["b", "c"], [])
    assert place.has("a/c")
    assert not place.has("a")
    assert (place.has_folder("a"), place.has_folder("a/c"), place.has_folder()) == (True, False, True)
    assert (place.folders(), place.folders("a"), place.folders("none")) == (["a"], ["b"], [])
    assert (place.hash("a/c"), place.hash("a/d")) == (hashlib.sha256(b"three").hexdigest(), None)
    place.delete("a/c")
    place.delete("a/c")
    assert not place.has("a/c")
    place.delete_all("a")
    place.delete_all("a")
    assert place.names() == ["top"]
    with pytest.raises(FileNotFoundError):
        place.read("a/c")


def test_a_folder_is_no_other_whose_name_begins_as_its_does(any_place: Place) -> None:
    for key in ("a/x", "ab/x", "a.x"):
        any_place.write(key, b"")
    assert list(any_place.files("a")) == ["a/x"]
    any_place.delete_all("a")
    assert list(any_place.files()) == ["a.x", "ab/x"]


def test_a_stamp_changes_whenever_the_content_does(any_place: Place) -> None:
    assert any_place.stamp("x") is None
    stamps = []
    for content in (b"0123", b"4567", b"89"):  # sooner than some clocks tick
        any_place.write("x", content)
        stamps.append(any_place.stamp("x"))
        assert any_place.stamp("x") == stamps[-1]
    assert all(one != other for one, other in pairwise(stamps))


def test_at_a_glance_all_is_as_without(any_place: Place) -> None:
    for key in ("top", "a/b/0", "a/c", "d/e/f"):
        any_place.write(key, b"1")

    def seen() -> list[object]:
        folders = ["", "a", "a/b", "d", "none"]
        return [
            [list(any_place.files(key)) for key in folders],
            [any_place.names(key) for key in folders],
            [any_place.folders(key) for key in folders],
            [any_place.has_folder(key) for key in folders],
            [(any_place.size(key), any_place.stamp(key), any_place.has(key)) for key in ("top", "a", "a/c", "none")],
        ]

    wanted = seen()
    with any_place.at_a_glance():
        assert seen() == wanted
        with any_place.at_a_glance():
            assert seen() == wanted
    any_place.delete("top")
    assert any_place.names() == ["a", "d"]


def test_what_is_said_of_many_files_is_in_their_order_and_as_was_seen_at_a_glance(any_place: Place) -> None:
    sizes = [3, 1, 2, 40, 5]
    for number, size in enumerate(sizes):
        any_place.write(str(number), bytes(size))
    keys = list(map(str, range(len(sizes))))
    assert any_place.map(any_place.size, keys) == sizes
    with any_place.at_a_glance():
        any_place.write("0", b"")
        assert any_place.map(any_place.size, [*keys, "none"])[1:] == [*sizes[1:], None]
    with pytest.raises(FileNotFoundError):
        any_place.map(any_place.read, [*keys, "none"])


def test_many_files_are_read_at_once(any_place: Place) -> None:
    for number in range(5):
        any_place.write(f"f/{number}", str(number).encode())
    wanted = {f"f/{number}": str(number).encode() for number in range(5)}
    assert any_place.read_all([*wanted, "f/none"]) == wanted


def test_libraries_that_open_files_themselves_find_and_leave_some(any_place: Place) -> None:
    any_place.write("a/b", b"content")
    with any_place.local_file("a/b") as path:
        assert Path(path).read_bytes() == b"content"
    with any_place.written_file("figures/figure7.png") as to:
        assert to.name == "figure7.png"
        to.write_bytes(b"drawn")
    assert any_place.read("figures/figure7.png") == b"drawn"


def test_a_lock_is_held_once_and_entered_again_by_its_holder(any_place: Place) -> None:
    with any_place.locked("lock") as before, any_place.locked("lock") as again:
        assert (before, again) == (False, True)
        assert any_place.has("lock")
    with any_place.locked("lock") as after:
        assert not after


def test_whether_a_place_can_be_written_is_tried_and_leaves_nothing(any_place: Place) -> None:
    any_place.check_there()
    any_place.check_writable()
    assert list(any_place.files()) == []


def test_a_folder_takes_the_place_of_another(any_place: Place) -> None:
    place = any_place
    place.write("old/a", b"1")
    place.write("old/c/b", b"2")
    place.copy("old/a", "new/d/a")
    place.replace_all("new", "old")
    place.replace_all("new", "old")  # as after a death in between: what is there stays
    assert list(place.files("old")) == ["old/d/a"]
    assert place.read("old/d/a") == b"1"
    place.replace_all("none", "old")
    assert place.read("old/d/a") == b"1"
    with pytest.raises(OSError, match="a"):
        place.copy("old/a", "x")


def test_places_of_one_root_are_equal(new_place: Callable[[], Place]) -> None:
    one, other = new_place(), new_place()
    assert one == Place.at(str(one)) != other
    assert len({one, Place.at(f"{one}/"), other}) == 2
    assert one.path("a/b") == f"{one}/a/b"


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("", "the root is empty; name a local folder"),
        ("ftp://host/root", "on no object store that is known: s3://, gs://, az://; or name a folder"),
        (Path("s3://bucket/root"), "'s3:/bucket/root' lost a slash as a Path; give an object store's address as text"),
    ],
)
def test_what_is_no_root_is_refused(root: str | Path, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Place.at(root)
