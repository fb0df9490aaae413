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
    options: Any = {"nogil": True, "error_model": "numpy", "fastmath": _ALLOWED}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no place for its cache
        return numba.njit(**options)(function)
