"""Faults at a chosen operation of the store: the process dies there, or the disk is full."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from zarr.storage import LocalStore

from blindspots.store.place import Place

CHANGING = ("write", "copy", "delete", "delete_all", "replace_all")
"""The methods of a place that change what lies there."""


class KilledError(BaseException):
    """Stands for a death of the process: nothing in the package may catch it and go on."""


@contextmanager
def killed_before(operation: int) -> Iterator[None]:
    """Have the process die before an operation that changes the store, counted from 0; Zarr's find the disk full."""
    count = 0

    def is_next() -> bool:
        nonlocal count
        count += 1
        return count > operation

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGING:
            real = getattr(Place, name)

            def dying(*arguments: Any, real: Any = real) -> Any:
                if is_next():
                    raise KilledError(real.__name__, *arguments[1:2])
                return real(*arguments)

            patch.setattr(Place, name, dying)
        put = LocalStore.set

        async def full(*arguments: Any, **named: Any) -> None:
            if is_next():
                raise OSError(errno.ENOSPC, "No space left on device")
            await put(*arguments, **named)

        patch.setattr(LocalStore, "set", full)
        yield
