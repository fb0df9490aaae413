"""Zarr's store of a local folder: what it promises, with and without a thread."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, default_buffer_prototype
from zarr.storage import LocalStore

from blindspots.store.places.folder_store import FolderStore

SIZES = (0, 1, 5000, 1 << 16, (1 << 16) + 1, 200_000)


def content(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


def buffer(value: bytes) -> Buffer:
    return default_buffer_prototype().buffer.from_bytes(value)


def asked(answer: Any) -> bytes | None:
    """Return what a store answers, as bytes."""
    found = asyncio.run(answer)
    return None if found is None else found.to_bytes()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[Callable[..., Any]]:
    """What Zarr hands to threads."""
    handed: list[Callable[..., Any]] = []
    real = asyncio.to_thread

    async def to_thread(function: Callable[..., Any], /, *values: Any, **named: Any) -> Any:
        handed.append(function)
        return await real(function, *values, **named)

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    return handed


@pytest.mark.parametrize("size", SIZES)
def test_what_is_written_is_read_whole_and_in_parts(size: int, tmp_path: Path, threads: list[Any]) -> None:
    store, value = FolderStore(tmp_path), content(size)
    asyncio.run(store.set("a/b/c", buffer(value)))
    assert (tmp_path / "a/b/c").read_bytes() == value
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["c"]  # nothing is left half-written
    assert asked(store.get("a/b/c")) == value
    start, end = size // 3, size // 2
    for request in (RangeByteRequest(start, end), OffsetByteRequest(start), SuffixByteRequest(max(end, 1))):
        prototype = default_buffer_prototype()
        assert asked(store.get("a/b/c", prototype, request)) == asked(
            LocalStore(tmp_path).get("a/b/c", prototype, request)
        )
    assert bool([each for each in threads if each.__name__ == "_put"]) == (size > 1 << 16)


def test_small_files_are_handed_to_no_thread(tmp_path: Path, threads: list[Any]) -> None:
    store = FolderStore(tmp_path)
    asyncio.run(store.set("c", buffer(content(5000))))
    asked(store.get("c"))
    asyncio.run(store.exists("c"))
    asyncio.run(store.delete("c"))
    assert threads == []
    asyncio.run(store.set("c", buffer(content(100_000))))
    asked(store.get("c"))
    assert len(threads) == 2


def test_what_is_not_there(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    for key in ("nothing", "folder", "file/below"):
        assert asked(store.get(key)) is None
        assert not asyncio.run(store.exists(key))
    assert asyncio.run(store.exists("file"))
    asyncio.run(store.delete("nothing"))
    asyncio.run(store.delete("folder"))
    asyncio.run(store.delete("file"))
    assert list(tmp_path.iterdir()) == []


def test_who_only_reads_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    store = FolderStore(tmp_path, read_only=True)
    assert asked(store.get("file")) == b"x"
    with pytest.raises(ValueError, match="read-only"):
        asyncio.run(store.set("file", buffer(b"y")))
    with pytest.raises(ValueError, match="read-only"):
        asyncio.run(store.delete("file"))
    assert (tmp_path / "file").read_bytes() == b"x"
    with pytest.raises(FileNotFoundError):
        zarr.open_group(FolderStore(tmp_path / "missing", read_only=True), mode="r")
    assert not (tmp_path / "missing").exists()


def test_arrays_are_those_that_zarrs_own_store_leaves(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((300, 50))

    def write(store: LocalStore) -> None:
        group = zarr.open_group(store, mode="w", zarr_format=3)
        for chunk, shard in ((100, 300), (10, 100)):
            group.create_array(f"a{chunk}", shape=values.shape, dtype="f8", chunks=(chunk, 50), shards=(shard, 50))[
                ...
            ] = values

    write(FolderStore(tmp_path / "one"))
    write(LocalStore(tmp_path / "other"))
    left = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "one", tmp_path / "other")
    ]
    assert left[0] == left[1]
    read = zarr.open_group(FolderStore(tmp_path / "other"), mode="r")
    np.testing.assert_array_equal(read["a10"][15:27, 3], values[15:27, 3])


@pytest.mark.parametrize("size", SIZES)
def test_what_is_in_the_way_of_a_file_goes(size: int, tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    (tmp_path / "a" / "zarr.json" / "inner").mkdir(parents=True)
    (tmp_path / "b").touch()
    (tmp_path / "c").symlink_to("/nowhere/at/all")
    for folder in ("a", "b", "c"):
        asyncio.run(store.set(f"{folder}/zarr.json", buffer(content(size))))
        assert asked(store.get(f"{folder}/zarr.json", default_buffer_prototype())) == content(size)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "zarr.json")
    assert asked(FolderStore(tmp_path).get("zarr.json", default_buffer_prototype())) is None
