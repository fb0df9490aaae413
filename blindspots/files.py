"""Files that are either whole or not there, whatever dies in between."""

import errno
import os
import stat
import tempfile
from pathlib import Path

PARTIAL = ".partial"
"""What the name of a file ends with that is not whole yet; Zarr's local store ends its own the same way."""

_OF_A_NAME = 50
"""Letters of a file's name in that of the one beside it, which is to be no longer than a file system takes."""

_OF_THE_SYSTEM = {
    *(errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV, errno.EBUSY, errno.ENOLCK),
    *(errno.ELOOP, errno.ENAMETOOLONG, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH),
    *(errno.ENETDOWN, errno.ENETUNREACH, errno.EEXIST, errno.ENOTDIR, errno.EISDIR),
}


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` so that a reader sees all of it or the file as it was before.

    A temporary file beside it is written, flushed to the disk and renamed; then the folder is flushed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:_OF_A_NAME]}.", suffix=PARTIAL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, creation_mode())
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename2 is not None:  # of the two it is the user's that is told
            error.filename, error.filename2 = str(path), None
        name_file(error, path)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_out(path: Path, content: bytes) -> None:
    """Write ``content`` to where a user wants it: as :func:`write_whole` does where that is a file, or nothing yet.

    Of a link it is what the link leads to that is written. A pipe or a device takes what comes, and stays what it is.
    """
    if not takes_what_comes(path):
        write_whole(Path(os.path.realpath(path)), content)
        return
    try:
        with open(path, "wb") as file:
            file.write(content)
    except OSError as error:
        name_file(error, path)
        raise


def takes_what_comes(path: Path) -> bool:
    """Tell whether a pipe or a device that takes letters, such as a terminal, is at ``path``: it cannot be replaced."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def is_for_good(error: OSError) -> bool:
    """Tell whether what was refused will be refused again: a disk is full, over a quota or read only.

    Or a file is larger than this process may write. Or this process, or all of them together, may open no more files.
    """
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EFBIG)


def is_of_the_system(error: OSError) -> bool:
    """Tell whether a file is refused by the system as it is just now, and would not be by another: no defect is to see.

    This user may not have it, its disk fails, the machine that has it does not answer, or a file is where a folder
    should be, or the other way round.
    """
    return error.filename is not None and error.errno in _OF_THE_SYSTEM


def name_file(error: BaseException, path: Path | str) -> None:
    """Have an error of the system's say which file it is about, where it does not: reading and writing do not."""
    if isinstance(error, OSError) and error.errno is not None and error.filename is None:
        error.filename = str(path)


def creation_mode() -> int:
    """Return the mode of files that whoever may read and write in their folder may read and write."""
    return 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
