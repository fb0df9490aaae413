"""One torch thread for a while: the number of threads changes a sum's last bits."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread, as every actor does; afterwards with as many as before."""
    threads = torch.get_num_threads()
    if threads == 1:  # setting it costs time even so
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
