"""What is computed on: threads and the device.

Importing this is light: torch is loaded by what needs it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from blindspots.errors import InputError


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


def resolved_device(device: str | None) -> str:
    """Return the kind of device to compute on: cpu or cuda; for None cuda where there is one, else cpu.

    Raises :class:`InputError` for a device that is unknown or not there.
    """
    if device not in (None, "cpu", "cuda"):
        raise InputError(f"the device {device!r} is unknown; it is cpu or cuda")
    if device == "cpu":
        return device
    import torch

    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise InputError("the device cuda is asked for, but torch finds no such device here; use cpu")
    return "cuda" if there else "cpu"
