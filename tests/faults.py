"""Faults at a chosen operation of the store: the process dies there, or the disk is full, or nothing answers."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from blindspots.errors import OutOfReachError
from blindspots.store.places.folder_store import FolderStore
from blindspots.store.places.hierarchy import HierarchyStore
from blindspots.store.places.local import LocalPlace
from blindspots.store.places.objects import ObjectPlace

CHANGING = ("write", "create", "copy", "delete", "delete_all", "replace_all")
"""The methods of a place that change what lies there."""
READING = ("read", "size", "hash", "stamp", "has", "has_folder", "names", "files")
"""Those that look at it."""


class KilledError(BaseException):
    """Stands for a death of the process: nothing in the package may catch it and go on."""


Fail = Callable[[], NoReturn]


def dead() -> NoReturn:
    raise KilledError


def full() -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def denied() -> NoReturn:
    raise PermissionError(errno.EACCES, "Permission denied")


def away() -> NoReturn:
    raise OutOfReachError("the store cannot be used: it answers 503 Slow Down")


@contextmanager
def failing_at(
    operation: int,
    *,
    of_place: Fail = dead,
    of_zarr: Fail = full,
    after: bool = False,
    once: bool = False,
    reading: bool = False,
) -> Iterator[list[int]]:
    """Have operations that change the store fail from one on, counted from 0.

    Gives a list with how many were counted, and how many of those change the store.

    ``of_place``, ``of_zarr``: how those of the package fail, and those of Zarr's, whose threads no exception may end
    that is none. ``after``: once they were done. ``once``: that one operation alone. ``reading``: those that only look
    are counted, and fail, too.
    """
    count = [0, 0]

    def is_next(name: str) -> bool:
        count[0] += 1
        count[1] += name in (*CHANGING, "set")
        return count[0] == operation + 1 if once else count[0] > operation

    with pytest.MonkeyPatch.context() as patch:
        for kind in (LocalPlace, ObjectPlace):
            for name in (name for name in CHANGING + READING * reading if name in vars(kind)):
                _fail(patch, kind, name, is_next, of_place, after)
        for store in (FolderStore, HierarchyStore):
            for name in ("set", "get")[: 1 + reading]:
                _fail_later(patch, store, name, is_next, of_zarr, after)
        yield count


def _fail(patch: pytest.MonkeyPatch, kind: type, name: str, is_next: Any, fail: Fail, after: bool) -> None:
    real = getattr(kind, name)

    def failing(*arguments: Any, **named: Any) -> Any:
        fails = is_next(name)
        if fails and not after:
            fail()
        done = real(*arguments, **named)
        if fails:
            fail()
        return done

    patch.setattr(kind, name, failing)


def _fail_later(patch: pytest.MonkeyPatch, store: type, name: str, is_next: Any, fail: Fail, after: bool) -> None:
    real = getattr(store, name)

    async def failing(*arguments: Any, **named: Any) -> Any:
        fails = is_next(name)
        if fails and not after:
            fail()
        done = await real(*arguments, **named)
        if fails:
            fail()
        return done

    patch.setattr(store, name, failing)


@contextmanager
def killed_before(operation: int) -> Iterator[None]:
    """Have the process die before an operation that changes the store, counted from 0; Zarr's find the disk full."""
    with failing_at(operation):
        yield
