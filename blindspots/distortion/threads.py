"""Parts of a batch one after another, or in threads of their own."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

Each = Callable[[Callable[[torch.Tensor], None], Iterable[torch.Tensor]], None]
"""Calls a function with every part of a batch (indices)."""


def one_by_one(work: Callable[[torch.Tensor], None], parts: Iterable[torch.Tensor]) -> None:
    """Do the parts one after another."""
    for part in parts:
        work(part)


def in_threads(work: Callable[[torch.Tensor], None], parts: Iterable[torch.Tensor]) -> None:
    """Do the parts in as many threads as torch may use, one torch thread each: results do not depend on how many."""
    count, parts = torch.get_num_threads(), list(parts)
    if count == 1 or len(parts) < 2:
        return one_by_one(work, parts)
    try:
        for done in _threads(count).map(work, parts):
            assert done is None
    finally:
        torch.set_num_threads(count)  # threads that start later take what was set last


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    """Return as many threads, kept: to start one beside others that are at work takes milliseconds."""
    return ThreadPoolExecutor(count, "blindspots", initializer=_alone)


def _alone() -> None:
    """Let this thread compute alone.

    Torch gives a thread as many as were last set anywhere when it is first asked for them: so ask first.
    """
    torch.get_num_threads()
    torch.set_num_threads(1)


os.register_at_fork(after_in_child=_threads.cache_clear)  # a forked process has none of them
