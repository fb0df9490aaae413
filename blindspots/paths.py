"""Paths as users write them: with ``~`` for somebody's home, through links, from wherever they are."""

import errno
import os
from pathlib import Path

from blindspots.errors import InputError


def expanded(path: str | Path, *, instead: str = "write it from / on") -> Path:
    """Return a path in which a home is no ``~`` any more.

    Raises :class:`InputError`, with what to do ``instead``, where the home is not known here: of a user that there is
    not, or of one without.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(f"{path}: whose home that is under is not known here; {instead}") from None


def resolved(path: str | Path) -> Path:
    """Return where a path leads, from ``/`` on and through all links, whether or not anything is there.

    Raises :class:`InputError` as :func:`expanded` does, and for links that lead in a circle.
    """
    whole = expanded(path)
    try:
        whole.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError(f"{path} leads in a circle of links, and to no folder or file; name another") from None
    return Path(os.path.realpath(whole))
