"""What is computed on: threads, the device, and how many rows of a batch fit.

Importing this is light: torch is loaded by what needs it.

Whoever works on many rows at once asks here how many. The answer depends on what a row is, never on the memory that is
free or on the number of threads, and on the device only as its kind: in another batch a sum has other last bits, and
what is stored must not depend on what else a machine is doing.
"""

import ctypes
import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from blindspots.errors import InputError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

BUDGET = 1 << 23
"""Values that one piece of work holds at once: 64 MiB of float64. A core of a small machine has room for it beside a
model, and a GPU is kept busy by it."""
BATCH = 1000
"""Rows in a batch where they are small: with so many a layer's products are as fast as they get on a CPU, and more
would fall out of its second cache."""
_BATCHES_ELSEWHERE = 20
"""Batches in one where a kernel's start takes longer than a batch."""
_LACKS_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR",
    "CUBLAS_STATUS_NOT_INITIALIZED",
)
"""How CUDA, its libraries and the CPU's allocator say it."""
_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds, one after another, for what else computes on a GPU to end and leave its memory."""

_MALLOPT_TRIM, _MALLOPT_MMAP, _MALLOPT_ARENAS = -1, -3, -8  # M_TRIM_THRESHOLD and so on of GNU's <malloc.h>
_KEPT_BYTES = 256 * 2**20
_FROM_HEAP_BYTES = 32 * 2**20  # the most that it takes


def rows_at_once(values: int, *, arrays: int = 1, most: int | None = None, device: "torch.device | None" = None) -> int:
    """Return how many rows of ``values`` values fit, where ``arrays`` arrays of them are held; ``most`` and at least 1.

    Complex values count twice. ``device``: where what is done with them is a chain of kernels, each started by itself;
    on a GPU twenty times as many are then taken at once.
    """
    times = 1 if device is None else _batches_in_one(device)
    fit = max(1, times * BUDGET // (arrays * values))
    return fit if most is None else min(fit, times * most)


def batch_rows(device: "torch.device") -> int:
    """Return how many rows a pass over many small ones takes at once on ``device``."""
    return _batches_in_one(device) * BATCH


def _batches_in_one(device: "torch.device") -> int:
    return 1 if device.type == "cpu" else _BATCHES_ELSEWHERE


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread, as every actor does, because the number changes a sum's last bits.

    Afterwards with as many as before.
    """
    import torch

    threads = torch.get_num_threads()
    if threads == 1:  # setting it costs time even so
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def repeatable() -> Iterator[None]:
    """Compute what is stored: with one thread, in float32 itself, and on a GPU by kernels that give the same again.

    Of themselves convolutions on a GPU take TF32, of 10 bits, so that an image could be read as another class on any
    other machine; products do where the process or its environment allows fewer bits, on some CPUs too; and some
    kernels add up in whatever order their threads come.
    """
    import torch

    with one_thread(), _products_in_float32():
        if not torch.backends.cudnn.is_available():
            yield
            return
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield


@contextmanager
def _products_in_float32() -> Iterator[None]:
    """Have matrix products of float32 computed in it; afterwards as they were."""
    import torch

    backends: list[Any] = [torch.backends.cuda, torch.backends.mkldnn]
    kinds = [backend.matmul for backend in backends]
    before: list[str] | str
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # it was said kind by kind, of which this refuses to speak
        before = [kind.fp32_precision for kind in kinds]
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        if isinstance(before, str):
            torch.set_float32_matmul_precision(before)
        else:
            for kind, said in zip(kinds, before, strict=True):
                kind.fp32_precision = said


def keep_freed_memory() -> None:
    """Have this process keep what it frees, up to some 256 MiB, for what it asks for next: for processes of our own.

    A search makes and drops arrays of some MiB many times a second. GNU's C library hands such back to the kernel, and
    that clears every page before it is had again: a fifth of the time of a convolutional network's passes. All threads
    take it from one place, since each would keep what it frees to itself: an actor has thirty threads, of which one
    computes at a time, and held more than a gigabyte for the others. No number depends on it. Where the library is
    another, or the environment says how memory is to be had (``MALLOC_...``), nothing is done.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with suppress(AttributeError, OSError, TypeError):  # no such function, or no library by that way
        library = ctypes.CDLL(None)
        library.mallopt(_MALLOPT_MMAP, _FROM_HEAP_BYTES)
        library.mallopt(_MALLOPT_TRIM, _KEPT_BYTES)
        library.mallopt(_MALLOPT_ARENAS, 1)


def lacks_memory(error: BaseException) -> bool:
    """Tell whether an error says that there is too little memory: cuDNN and cuBLAS do so in words of their own."""
    import torch

    said = isinstance(error, RuntimeError) and any(words in f"{error}" for words in _LACKS_MEMORY)
    return said or isinstance(error, torch.OutOfMemoryError | MemoryError)


def raise_if_full(error: BaseException) -> None:
    """Raise ``error`` again where it says that there is too little memory, which tells nothing of a model."""
    if lacks_memory(error):
        raise error


def with_room(work: Callable[[], T], device: str) -> T:
    """Return what ``work`` does on a kind of device that other processes may compute on, too.

    Where a GPU's memory is full of what they hold, it is done once more a little later: in smaller pieces it would have
    other last bits. What this process keeps of that memory for later is freed for them, before a wait and at the end.
    Raises what says so where there is too little after a minute.
    """
    if device == "cpu":
        return work()
    import torch

    waits = list(_WAITS)
    while True:
        try:
            return work()
        except RuntimeError as error:
            if not lacks_memory(error):
                raise
            if not waits:
                said = f"{str(error).splitlines()[0]}; so for a minute: fewer workers (--workers) have more each"
                raise torch.OutOfMemoryError(said) from error
        finally:
            torch.cuda.empty_cache()
        gc.collect()  # what failed may hold on to its tensors
        torch.cuda.empty_cache()
        time.sleep(waits.pop(0))


def is_here(device: str) -> bool:
    """Tell whether this process can compute on such a device, cpu or cuda."""
    if device == "cpu":
        return True
    import torch

    return torch.cuda.is_available()


def resolved_device(device: str | None, *, elsewhere: bool = False) -> str:
    """Return the kind of device to compute on: cpu or cuda; for "auto", or None, cuda where there is one, else cpu.

    ``elsewhere``: whether other machines compute, and this one drives them: cuda is taken at its word then. Raises
    :class:`InputError` for a device that is unknown or not there.
    """
    if device not in (None, "auto", "cpu", "cuda"):
        raise InputError(f"the device {device!r} is unknown; it is cpu, cuda or auto")
    if device == "cpu" or (device == "cuda" and elsewhere):
        return device
    there = is_here("cuda")
    if device == "cuda" and not there:
        raise InputError("the device cuda is asked for, but torch finds no such device here; use cpu")
    return "cuda" if there else "cpu"
