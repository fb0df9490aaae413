"""Files that are either whole or not there, whatever dies in between."""

import errno
import os
import tempfile
from pathlib import Path

PARTIAL = ".partial"
"""What the name of a file ends with that is not whole yet; Zarr's local store ends its own the same way."""


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` so that a reader sees all of it or the file as it was before.

    A temporary file beside it is written, flushed to the disk and renamed; then the folder is flushed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def is_for_good(error: OSError) -> bool:
    """Tell whether what was refused will be refused again: a disk is full, over a quota or read only.

    Or this process, or all of them together, may open no more files.
    """
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
