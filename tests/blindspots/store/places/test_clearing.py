"""What lies in the way of a file: one thing at a time goes, and nothing that a link leads to."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from blindspots.store.place import Place
from blindspots.store.places.clearing import check_file, clear_the_way


def a_folder(path: Path) -> None:
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "file").touch()


def a_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def a_link_to_nowhere(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("/nowhere/at/all")


@pytest.mark.parametrize(
    ("what", "where"),
    [
        (a_folder, "receipts/a/0.json"),
        (a_file, "receipts"),
        (a_file, "receipts/a"),
        (a_link_to_nowhere, "receipts"),
        (a_link_to_nowhere, "receipts/a"),
        (a_link_to_nowhere, "receipts/a/0.json"),
        (os.mkfifo, "receipts"),
    ],
)
@pytest.mark.parametrize("deleted", [True, False])
def test_what_is_in_the_way_goes(tmp_path: Path, what: Callable[[Path], None], where: str, deleted: bool) -> None:
    what(tmp_path / where)
    place = Place.at(tmp_path)
    if deleted:
        place.delete("receipts/a/0.json")
    place.write("receipts/a/0.json", b"1")
    assert place.read("receipts/a/0.json") == b"1"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["0.json"]


def test_elsewhere_nothing_goes(tmp_path: Path) -> None:
    a_folder(tmp_path / "study.json")
    place = Place.at(tmp_path)
    for change in (lambda: place.write("study.json", b""), lambda: place.delete("study.json")):
        with pytest.raises(OSError, match="directory") as refused:
            change()
        assert (refused.value.filename, refused.value.filename2) == (str(tmp_path / "study.json"), None)
    assert (tmp_path / "study.json" / "inner" / "file").exists()


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    a_folder(tmp_path / "disk")
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / "a").symlink_to(tmp_path / "disk")
    assert not clear_the_way(str(tmp_path / "receipts/a/0.json"), str(tmp_path / "receipts"))
    assert not clear_the_way(str(tmp_path / "receipts/a"), str(tmp_path / "receipts"))
    Place.at(tmp_path).write("receipts/a/0.json", b"1")
    assert (tmp_path / "disk" / "0.json").read_bytes() == b"1"


def test_a_pipe_or_a_device_is_no_file(tmp_path: Path) -> None:
    place = Place.at(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to(os.devnull)
    for name in ("pipe", "device"):
        with pytest.raises(IsADirectoryError, match="it is no file"):
            place.read(name)
        with pytest.raises(IsADirectoryError, match="it is no file"), place.local_file(name):
            pass
        assert (place.hash(name), place.size(name), place.stamp(name)) == (None, None, None)
    check_file(str(tmp_path / "none"))


def test_a_file_in_the_place_of_a_folder_is_deleted_as_that(tmp_path: Path) -> None:
    a_file(tmp_path / "study.zarr")
    Place.at(tmp_path).delete_all("study.zarr")
    assert list(tmp_path.iterdir()) == []
