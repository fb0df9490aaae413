"""What is computed on."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from math import prod

import pytest
import torch

from blindspots import device
from blindspots.device import (
    BATCH,
    BUDGET,
    batch_rows,
    is_here,
    lacks_memory,
    one_thread,
    repeatable,
    resolved_device,
    rows_at_once,
    with_room,
)
from blindspots.errors import InputError


def test_one_thread_for_a_while() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_what_is_stored_is_computed_in_float32_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "is_available", lambda: True)
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    assert before == (True, False)  # as torch has it
    with repeatable():
        assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic) == (False, True)
        assert torch.get_num_threads() == 1
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic) == before


@pytest.mark.parametrize(
    "said", ["torch.set_float32_matmul_precision('medium')", "torch.backends.fp32_precision = 'tf32'"]
)
def test_products_are_computed_in_float32_whatever_the_process_allows(said: str) -> None:
    """In a process of its own: torch has older and newer settings, and no way back from the newer."""
    script = f"""
import torch
from blindspots.device import repeatable

def precision():
    return [kind.fp32_precision for kind in (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)]

{said}
before = precision()
assert before != ["ieee", "ieee"]
with repeatable():
    assert precision() == ["ieee", "ieee"]
assert precision() == before
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_gpu_takes_more_rows_at_once() -> None:
    there = torch.device("cuda")
    assert rows_at_once(784, arrays=8, most=BATCH, device=torch.device("cpu")) == BATCH
    assert rows_at_once(784, arrays=8, most=BATCH, device=there) == batch_rows(there) == 20 * BATCH
    assert rows_at_once(BUDGET, device=there) == 20


FULL = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 358.00 MiB"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] data. DefaultCPUAllocator: can't allocate memory: you tried ..."),
)


@pytest.mark.parametrize("error", FULL, ids=lambda error: str(error)[:20])
def test_what_says_that_memory_is_lacking(error: RuntimeError) -> None:
    assert lacks_memory(error)
    assert not lacks_memory(RuntimeError("derivative for aten::frexp is not implemented"))
    assert not lacks_memory(ValueError(f"{error}"))
    assert lacks_memory(MemoryError())


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return what is waited for, in place of waiting."""
    waited: list[float] = []
    monkeypatch.setattr(device.time, "sleep", waited.append)
    return waited


def failing(times: int, error: RuntimeError) -> Callable[[], str]:
    left = [times]

    def work() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        return "done"

    return work


@pytest.mark.parametrize("error", FULL, ids=lambda error: str(error)[:20])
def test_work_waits_for_room_on_a_gpu(waits: list[float], error: RuntimeError) -> None:
    assert with_room(failing(3, error), "cuda") == "done"
    assert waits == [0.5, 1, 2]


def test_where_there_is_never_room_the_gpu_says_so(waits: list[float]) -> None:
    with pytest.raises(torch.OutOfMemoryError, match=r"Tried to allocate 358.00 MiB; so for a minute: fewer workers"):
        with_room(failing(99, FULL[0]), "cuda")
    assert 50 < sum(waits) < 70


def test_nothing_else_is_waited_for(waits: list[float]) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        with_room(failing(1, RuntimeError("shapes differ")), "cuda")
    with pytest.raises(torch.OutOfMemoryError):
        with_room(failing(1, FULL[0]), "cpu")
    assert not waits


_FAULTS = """
import resource
import numpy as np
from blindspots.device import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        arrays = [np.ones(2**20) for _ in range(6)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
keep_freed_memory()
faults()
print(before, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_that_is_freed_is_kept() -> None:
    """48 MiB in arrays of 8, four times: 12 288 pages each, which the kernel clears every time, or once."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", _FAULTS]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    without, kept = map(int, found.stdout.split())
    assert kept < 500 < without
    asked = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**environment, "MALLOC_ARENA_MAX": "4"}
    )
    assert int(asked.stdout.split()[1]) > 500  # who says how memory is to be had, is heard


_THREADS = """
import threading
import numpy as np
import psutil
from blindspots.device import keep_freed_memory

keep_freed_memory()
turns, ends, over = [threading.Event() for _ in range(16)], [threading.Event() for _ in range(16)], threading.Event()

def work(number):
    turns[number].wait()
    arrays = [np.ones(2**13) for _ in range(512)]  # none of them large enough to be the kernel's own
    del arrays
    ends[number].set()
    over.wait()

threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
for thread in threads:
    thread.start()
before = psutil.Process().memory_info().rss
for turn, end in zip(turns, ends):
    turn.set()
    end.wait()
print((psutil.Process().memory_info().rss - before) // 2**20)
over.set()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_threads_do_not_keep_what_they_free_each_for_itself() -> None:
    """Sixteen that live on, each of which had 32 MiB in hand for a while: 512 MiB, were each to keep its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", _THREADS], capture_output=True, text=True, check=True, env=environment)
    assert int(done.stdout) < 100


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(InputError, match="the device 'gpu' is unknown; it is cpu, cuda or auto"):
        resolved_device("gpu")


@pytest.mark.parametrize("there", [False, True])
def test_a_device_is_chosen_by_what_is_there(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert resolved_device("cpu") == "cpu"
    assert resolved_device(None) == resolved_device("auto") == ("cuda" if there else "cpu")
    if there:
        assert resolved_device("cuda") == "cuda"
    else:
        with pytest.raises(InputError, match="torch finds no such device here; use cpu"):
            resolved_device("cuda")
    assert is_here("cpu")
    assert is_here("cuda") is there


def test_who_drives_other_machines_takes_theirs_at_their_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolved_device("cuda", elsewhere=True) == "cuda"
    assert resolved_device(None, elsewhere=True) == "cpu"
    with pytest.raises(InputError, match="the device 'tpu' is unknown"):
        resolved_device("tpu", elsewhere=True)


@pytest.mark.parametrize(
    ("shape", "arrays", "most", "rows"),
    [
        ((1, 28, 28), 8, 1000, 1000),  # images in a search
        ((1, 28, 28), 4, None, 2674),  # kept in 8 bits
        ((1, 28, 28), 32, None, 334),  # random directions
        ((1, 28, 28), 2, None, 5349),  # logits for a proof
        ((1, 28, 28), 1, 2000, 2000),  # shown to a model
        ((3, 32, 32), 8, 1000, 341),
        ((3, 32, 32), 4, 500, 500),  # a found image is measured
        ((3, 32, 32), 2, 1000, 1000),  # exact distances
        ((3, 32, 32), 1, 2000, 2000),
        ((3, 224, 224), 1, 2000, 55),
        ((3, 4096, 4096), 8, None, 1),
    ],
)
def test_rows_that_fit(shape: tuple[int, ...], arrays: int, most: int | None, rows: int) -> None:
    """What is stored depends on them in its last bits: none may change, or the stages' ALGORITHM rises."""
    assert rows_at_once(prod(shape), arrays=arrays, most=most) == rows


@pytest.mark.parametrize(("kind", "rows"), [("cpu", 1000), ("cuda", 20_000)])
def test_rows_in_a_pass_over_the_training_images(kind: str, rows: int) -> None:
    assert batch_rows(torch.device(kind)) == rows


def test_what_is_held_at_once_is_within_the_budget() -> None:
    for values in (1, 3, 784, 3072, 150_528):
        for arrays in (1, 2, 7):
            fit = rows_at_once(values, arrays=arrays)
            assert fit * arrays * values <= BUDGET < (fit + 1) * arrays * values
