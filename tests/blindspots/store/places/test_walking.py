import errno
import os
from pathlib import Path
from typing import Any

import pytest

from blindspots.errors import OutOfReachError
from blindspots.store.places.walking import files_below


def made(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def refuse(monkeypatch: pytest.MonkeyPatch, folder: Path, error: int) -> None:
    """Have the system refuse to list a folder, which it does not to an administrator, whose tests these may be."""
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if str(path) == str(folder):
            raise OSError(error, os.strerror(error), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)


def test_files_are_listed_in_order_a_folder_s_own_first(tmp_path: Path) -> None:
    made(tmp_path, "b/2", "b/10", "a.x/y", "a/z", "top", "b/a/0")
    assert list(files_below(str(tmp_path))) == ["top", "a/z", "a.x/y", "b/10", "b/2", "b/a/0"]
    assert list(files_below(str(tmp_path / "b"), "b/")) == ["b/10", "b/2", "b/a/0"]
    assert list(files_below(str(tmp_path / "top"))) == list(files_below(str(tmp_path / "none"))) == []


def test_links_are_followed_wherever_they_lead(tmp_path: Path) -> None:
    root, disk = tmp_path / "root", tmp_path / "disk"
    made(root, "own")
    made(disk, "models/a", "sets/m/b", "file")
    made(tmp_path / "third", "c")
    for name in ("models", "sets", "file"):
        (root / name).symlink_to(disk / name)
    (disk / "sets/more").symlink_to(tmp_path / "third")
    assert list(files_below(str(root))) == ["file", "own", "models/a", "sets/m/b", "sets/more/c"]
    assert list(files_below(str(root / "sets"), "sets/")) == ["sets/m/b", "sets/more/c"]
    (tmp_path / "link").symlink_to(root)
    assert list(files_below(str(tmp_path / "link"))) == list(files_below(str(root)))


def test_each_folder_is_listed_once_and_by_its_own_name(tmp_path: Path) -> None:
    root, disk = tmp_path / "root", tmp_path / "disk"
    made(root, "kept/a")
    made(disk, "in/b")
    (root / "a-link").symlink_to(root / "kept")
    (root / "kept/circle").symlink_to(root)
    (root / "kept/up").symlink_to(tmp_path)
    (root / "disk-1").symlink_to(disk)
    (root / "disk-2").symlink_to(disk)
    (root / "disk-3").symlink_to(disk / "in")
    (disk / "circle").symlink_to(disk)
    (disk / "in/back").symlink_to(root)
    assert list(files_below(str(root))) == ["disk-1/in/b", "kept/a"]


def test_a_link_that_leads_nowhere_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(tmp_path / "unmounted")
    assert list(files_below(str(tmp_path))) == ["models"]


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_what_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    made(tmp_path, "a/b/c", "d")
    refuse(monkeypatch, tmp_path / "a/b", error)
    with pytest.raises(OutOfReachError, match=rf"a/b cannot be listed \({os.strerror(error)}\)$"):
        list(files_below(str(tmp_path)))


def test_what_a_disk_keeps_for_its_administrator_is_not_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "lost+found/x", "a")
    refuse(monkeypatch, tmp_path / "lost+found", errno.EACCES)
    assert list(files_below(str(tmp_path))) == ["a"]


def test_a_folder_that_is_gone_by_then_is_left_out(tmp_path: Path) -> None:
    made(tmp_path, "a/x", "b/y")
    found = files_below(str(tmp_path))
    assert next(found) == "a/x"
    (tmp_path / "b/y").unlink()
    (tmp_path / "b").rmdir()
    assert list(found) == []
