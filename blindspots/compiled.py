"""How kernels are compiled: by numba, once a machine, without Python's lock."""

from collections.abc import Callable
from typing import Any

import numba

# Sums may be reordered, so that they run in vectors; NaN and infinity keep their meaning.
_ALLOWED = {"reassoc", "contract", "arcp", "nsz"}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile ``function`` at its first call for the types that it is called with, and keep the result on disk.

    Where no folder can be written to, it is compiled again in every process. A kept result is dropped when the file of
    ``function`` changes, not when another does: kernels call kernels of their own file alone, and whoever changes a
    constant that they import changes their file too (``touch`` is enough).
    """
    return _compiled(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile ``function``, a kernel that other kernels of its file call, into each of them.

    Else it would be compiled by itself and again with each of them, its sums in other orders, and whichever is loaded
    first would serve all: the process that compiles them would find other last bits than those that load them.
    """
    return _compiled(function, forceinline=True)


def _compiled(function: Callable[..., Any], **more: Any) -> Any:
    options: Any = {"nogil": True, "error_model": "numpy", "fastmath": _ALLOWED, **more}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no place for its cache
        return numba.njit(**options)(function)
