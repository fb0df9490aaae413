"""Files are looked at once, until they change."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from blindspots.datasets.pictures import checked
from blindspots.datasets.pictures.checked import check_files, read_checked
from blindspots.datasets.pictures.decoding import COLOUR, Found, look_at
from blindspots.errors import InputError
from tests.small_pictures import save


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[bytes]:
    """Use a cache of the test's own, and note what is decoded."""
    monkeypatch.setenv("BLINDSPOTS_CACHE", str(tmp_path / "cache"))
    seen: list[bytes] = []

    def look(content: bytes) -> Found:
        seen.append(content)
        return look_at(content)

    monkeypatch.setattr(checked, "look_at", look)
    return seen


def test_only_what_changed_is_looked_at_again(tmp_path: Path, looked: list[bytes]) -> None:
    paths = [save(tmp_path / f"{index}.png", 0, index) for index in range(3)]
    paths.append(tmp_path / "4.png")
    paths[3].write_bytes(b"text")
    found = check_files(tmp_path, paths)
    assert [each.found for each in found] == [Found(COLOUR)] * 3 + [Found(problem="is no picture")]
    assert found[1].sha256 == hashlib.sha256(paths[1].read_bytes()).hexdigest()
    assert len(looked) == 4
    assert check_files(tmp_path, paths) == found
    assert len(looked) == 4
    save(paths[1], 7, 7)
    again = check_files(tmp_path, paths)
    assert len(looked) == 5
    assert [a == b for a, b in zip(found, again, strict=True)] == [True, False, True, True]


def test_a_file_of_the_same_size_and_time_is_another(tmp_path: Path, looked: list[bytes]) -> None:
    path = tmp_path / "1.png"
    path.write_bytes(b"abcd")
    before = check_files(tmp_path, [path])
    stat = path.stat()
    path.write_bytes(b"efgh")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert check_files(tmp_path, [path]) != before


def test_what_is_kept_is_not_needed(tmp_path: Path, looked: list[bytes]) -> None:
    path = save(tmp_path / "1.png", 0, 0)
    found = check_files(tmp_path, [path])
    (kept,) = (tmp_path / "cache" / "pictures").iterdir()
    content = json.loads(kept.read_text())
    for text in ("", "[]", json.dumps({**content, "pillow": "0"}), json.dumps({**content, "format": 0})):
        kept.write_text(text)
        assert check_files(tmp_path, [path]) == found
    assert len(looked) == 5
    missing = tmp_path / "nowhere.png"
    assert check_files(tmp_path, [missing])[0].found.problem == "cannot be read: No such file or directory"
    assert check_files(tmp_path, [tmp_path / "a\0.png"])[0].found.problem == "cannot be read: embedded null byte"


def test_a_cache_that_cannot_be_written_is_none(
    tmp_path: Path, looked: list[bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "1.png", 0, 0)
    monkeypatch.setenv("BLINDSPOTS_CACHE", str(path))
    assert check_files(tmp_path, [path])[0].found == Found(COLOUR)
    assert "every process will look at all pictures again" in caplog.text


def test_what_is_read_later_is_what_was_looked_at(tmp_path: Path) -> None:
    path = save(tmp_path / "1.png", 0, 0)
    content = path.read_bytes()
    known = hashlib.sha256(content).hexdigest()
    assert read_checked(path, known) == content
    save(path, 0, 1)
    with pytest.raises(InputError, match="is another than when the run began"):
        read_checked(path, known)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_checked(path, known)
