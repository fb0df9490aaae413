"""The files of a data set, each decoded and hashed once a machine: what was found is kept until a file changes."""

import hashlib
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from blindspots.datasets.pictures.decoding import Found, look_at
from blindspots.datasets.sources import cache_folder
from blindspots.errors import InputError
from blindspots.files import write_whole

logger = logging.getLogger(__name__)

_FORMAT = 1
_MOST_THREADS = 8

_Stamp = list[int]
"""What tells whether a file is the one that was looked at: size, times of change, number on its disk."""


@dataclass(frozen=True)
class Checked:
    """What a file held when it was looked at."""

    sha256: str
    """Of its bytes; empty where they could not be read."""
    found: Found


def check_files(root: Path, paths: list[Path]) -> list[Checked]:
    """Return what each of the files holds; those that have not changed since are not read again.

    ``root``: the data set's folder or table, under which the findings are kept in the cache. Whether a file has changed
    is told by its size, its times, and its number on the disk; and whoever reads one later compares its hash.
    """
    import PIL

    kept = cache_folder() / "pictures" / f"{hashlib.sha256(str(root).encode()).hexdigest()[:16]}.json"
    known = _read(kept, PIL.__version__)
    stamps = [_stamp(path) for path in paths]
    result: list[Checked | None] = [
        _known(known.get(str(path)), stamp) for path, stamp in zip(paths, stamps, strict=True)
    ]
    missing = [index for index, found in enumerate(result) if found is None]
    if missing:
        with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as threads:  # decoding gives up Python's lock
            for index, found in zip(missing, threads.map(_look, [paths[index] for index in missing]), strict=True):
                result[index] = found
        files = {
            str(path): [stamp, each.sha256, each.found.kind, each.found.problem]
            for path, stamp, each in zip(paths, stamps, result, strict=True)
            if stamp is not None and each is not None and each.sha256
        }
        _write(kept, {"format": _FORMAT, "pillow": PIL.__version__, "files": files})
    return [found for found in result if found is not None]


def read_checked(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file; raise :class:`InputError` unless they are those that were looked at."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"the picture {path} cannot be read: {error.strerror or error}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"the picture {path} is another than when the run began; begin again")
    return content


def _look(path: Path) -> Checked:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: of names that no file can have
        return Checked("", Found(problem=f"cannot be read: {getattr(error, 'strerror', None) or error}"))
    return Checked(hashlib.sha256(content).hexdigest(), look_at(content))


def _stamp(path: Path) -> _Stamp | None:
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _known(entry: object, stamp: _Stamp | None) -> Checked | None:
    if not isinstance(entry, list) or len(entry) != 4 or entry[0] != stamp:
        return None
    return Checked(entry[1], Found(entry[2], entry[3]))


def _read(kept: Path, pillow: str) -> dict[str, object]:
    """Return what is kept, by path; nothing where it is not there, or of another format or Pillow."""
    try:
        content = json.loads(kept.read_bytes())
        fits = content["format"] == _FORMAT and content["pillow"] == pillow
        return dict(content["files"]) if fits else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _write(kept: Path, content: dict[str, object]) -> None:
    try:
        write_whole(kept, json.dumps(content, separators=(",", ":")).encode())
    except OSError as error:
        logger.warning("%s cannot be written (%s): every process will look at all pictures again", kept, error.strerror)
