"""The numbers that norms are computed of: which are taken, and with which arithmetic."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from blindspots.errors import InputError


def checked_values(weight: torch.Tensor) -> torch.Tensor:
    """Return ``weight`` without its gradient, if its values are finite floating-point numbers of 16 to 64 bits."""
    if weight.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise InputError(f"weight has dtype {weight.dtype}; float16, bfloat16, float32 or float64 is needed")
    if not bool(torch.isfinite(weight).all()):
        raise InputError("weight has values that aren't finite; a norm needs finite ones")
    return weight.detach()


def checked_tolerance(tolerance: float) -> None:
    """Raise an error unless ``tolerance`` lies between 0 and 1."""
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance = {tolerance}: a number between 0 and 1 is needed")


@contextmanager
def plain_arithmetic(dtype: torch.dtype) -> Iterator[None]:
    """Compute without gradients, autocast or TF32, whatever the caller has set; in float64 without cuDNN's transforms.

    The rounding bounds hold for sums in any order, but not for convolutions by way of another basis.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.backends.cudnn.is_available():
            stack.enter_context(
                torch.backends.cudnn.flags(enabled=dtype != torch.float64, benchmark=False, allow_tf32=False)
            )
        yield
