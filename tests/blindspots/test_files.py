import errno
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from blindspots.files import is_for_good, is_of_the_system, takes_what_comes, write_out, write_whole


def test_content_arrives_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_the_file_is_as_readable_as_any(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "whole", b"")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def _write_for_ever(path: Path) -> None:
    while True:
        for letter in (b"a", b"b"):
            write_whole(path, letter * 200_000)


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for _ in range(3):
        writer = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(path,))
        writer.start()
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        os.kill(writer.pid, signal.SIGKILL)  # type: ignore[arg-type]
        writer.join()
        content = path.read_bytes()
        assert len(content) == 200_000
        assert len(set(content)) == 1
    for partial in tmp_path.glob("*.partial"):
        partial.unlink()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "wanted"),
    [(errno.ENOSPC, True), (errno.EROFS, True), (errno.EMFILE, True), (errno.EFBIG, True), (errno.EIO, False)],
)
def test_what_a_file_system_will_refuse_again(number: int, wanted: bool) -> None:
    assert is_for_good(OSError(number, "no")) is wanted


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (OSError(errno.EACCES, "no", "a"), True),
        (OSError(errno.EIO, "no", "a"), True),
        (OSError(errno.ESTALE, "no", "a"), True),
        (OSError(errno.EIO, "no"), False),
        (OSError(errno.ENOENT, "no", "a"), False),
        (OSError(errno.EISDIR, "no", "a"), True),
        (OSError(errno.EBADF, "no", "a"), False),
        (OSError("a defect"), False),
    ],
)
def test_what_the_system_refuses_is_told_from_a_defect(error: OSError, wanted: bool) -> None:
    assert is_of_the_system(error) is wanted


def test_what_fails_while_it_is_written_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="file") as found:
        write_whole(tmp_path / "file", b"1")
    assert found.value.filename == str(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_replaced_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_out(pipe, b"one")
    assert os.read(reader, 10) == b"one"
    os.close(reader)
    assert takes_what_comes(pipe)
    assert takes_what_comes(Path(os.devnull))
    assert not takes_what_comes(tmp_path / "none")


def test_of_a_link_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/file")
    for content in (b"one", b"two"):
        write_out(tmp_path / "link", content)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there" / "file").read_bytes() == content
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["file"]


def test_a_name_may_be_as_long_as_names_are(tmp_path: Path) -> None:
    write_whole(tmp_path / ("a" * 255), b"one")
    assert (tmp_path / ("a" * 255)).read_bytes() == b"one"
