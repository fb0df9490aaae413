"""Listing the files below a local folder: links to folders are followed, and no folder is left out without a word."""

import os
from collections.abc import Iterator

from blindspots.errors import OutOfReachError

_OF_THE_FILE_SYSTEM = "lost+found"
"""What lies at the top of some disks, and is for their administrator alone."""


def files_below(folder: str, prefix: str = "") -> Iterator[str]:
    """Yield the paths below ``folder``, with ``prefix`` before each, a folder's own files first, sorted; none if gone.

    Each real folder is listed once, by its own name where it lies below ``folder`` and else by the first link that
    leads there, so that links in a circle come to an end. A link that leads nowhere is listed as a file. Raises
    :class:`~blindspots.errors.OutOfReachError` for what cannot be listed.
    """
    top = os.path.realpath(folder)
    been = set[str]()
    waiting = [(folder, prefix, "")]
    while waiting:
        path, below, real = waiting.pop()
        if real in been:
            continue
        if real:
            been.add(real)
        files, folders = _listed(path)
        for name in sorted(files):
            yield below + name
        for name in sorted(folders, reverse=True):
            inner = f"{path}/{name}"
            found = os.path.realpath(inner) if folders[name] else real and f"{real}/{name}"
            if not (folders[name] and (_lies_in(found, top) or _lies_in(top, found))):
                waiting.append((inner, f"{below}{name}/", found))


def cannot_list(path: str, error: OSError) -> OutOfReachError:
    """Return what to raise where the system refuses to list ``path``."""
    return OutOfReachError(f"{error.filename or path} cannot be listed ({error.strerror or error})")


def _listed(path: str) -> tuple[list[str], dict[str, bool]]:
    """Return the names of a folder's files, and of its folders, each with whether it is a link."""
    files, folders = [], {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders[entry.name] = entry.is_symlink()
                else:
                    files.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return [], {}
    except OSError as error:
        if isinstance(error, PermissionError) and path.endswith(f"/{_OF_THE_FILE_SYSTEM}"):
            return [], {}
        raise cannot_list(path, error) from None
    return files, folders


def _lies_in(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")
