import errno
import io
import os
import re
from itertools import pairwise
from pathlib import Path

import pytest

from blindspots.errors import InputError, OutOfReachError
from blindspots.store.place import Place
from blindspots.store.places import local


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


def test_of_a_link_to_a_folder_the_link_alone_is_deleted(place: Place, tmp_path: Path) -> None:
    """A root may come from somebody whose links lead to what is no study's."""
    disk = tmp_path / "disk"
    place.write("sets/a", b"1")
    Path(place.path("sets")).rename(disk)
    for there in (disk, tmp_path / "unmounted"):
        Path(place.path("sets")).symlink_to(there)
        place.delete_all("sets")
        assert not place.has_folder("sets")
        assert (disk / "a").read_bytes() == b"1"
    Path(place.path("sets")).symlink_to(disk)
    place.write("new/b", b"2")
    place.replace_all("new", "sets")
    assert list(place.files()) == ["sets/b"]
    assert (disk / "a").read_bytes() == b"1"


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_folder_that_this_user_may_not_list_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refusing(path: str) -> list[str]:
        raise OSError(error, os.strerror(error), path)

    place.write("a/b", b"")
    monkeypatch.setattr(os, "listdir", refusing)
    said = re.escape(os.strerror(error))
    with pytest.raises(OutOfReachError, match=rf"root/a cannot be listed \({said}\)$"):
        place.names("a")
    with pytest.raises(InputError, match=rf"^the root .* cannot be listed \({said}\); name one that can be read$"):
        place.check_there()


def test_a_file_that_the_disk_cannot_read_has_a_name(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(local, "open", lambda path, mode: Failing(), raising=False)
    with pytest.raises(OSError, match="Input/output error") as found:
        place.read("a")
    assert found.value.filename == place.path("a")


def test_users_of_a_shared_root_lock_it_one_after_another(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o002)
    try:
        with place.locked("run.lock"):
            assert Path(place.path("run.lock")).stat().st_mode & 0o777 == 0o664
    finally:
        os.umask(before)

    def of_another(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", place.path("run.lock"))

    monkeypatch.setattr(local.FileLock, "acquire", of_another)
    with (
        pytest.raises(
            InputError, match=r"run\.lock cannot be locked \(Permission denied\); where it is another user's"
        ),
        place.locked("run.lock"),
    ):
        pass


def test_libraries_are_given_the_file_itself(place: Place) -> None:
    place.write("a", b"")
    with place.local_file("a") as path:
        assert path == place.path("a")
    assert str(place.zarr("study.zarr").root) == place.path("study.zarr")


@pytest.mark.parametrize("folder", ["study.zarr", "receipts", "models"])
def test_a_link_to_a_disk_that_is_not_there_is_said(tmp_path: Path, folder: str) -> None:
    """What is done may lie there: nothing is removed and made anew."""
    place = Place.at(tmp_path)
    (tmp_path / folder).symlink_to(tmp_path / "unmounted")
    with pytest.raises(InputError, match=rf"/{folder} is a link to what is not there; mend or delete it"):
        place.check_there()
    (tmp_path / "unmounted").mkdir()
    place.check_there()
