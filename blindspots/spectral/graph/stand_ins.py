"""The layer that is bounded is the layer that runs: modules that stand for calls, constants that a dtype decides."""

import copy
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from blindspots.spectral.matrix.bound import NoRuleError

_UNITS = 1024
"""Two ways to one sum may be so many units of rounding of its largest term apart."""


@torch.no_grad()
def check_stand_in(module: nn.Module, call: Callable[[torch.Tensor], torch.Tensor], source: torch.Tensor) -> None:
    """Raise NoRuleError unless ``module``, in evaluation mode, does what the ``call`` that it stands for does.

    Both are given random numbers of the shape and dtype of ``source`` (n, ...), once in [0, 1] and once on both sides
    of 0: an argument that was read for another shows, whatever the values of this forward pass are.
    """
    module.eval()
    random = torch.Generator().manual_seed(0)
    units = torch.rand(source.shape, generator=random, dtype=torch.float64, device="cpu")
    for probe in (units, 3 * torch.randn(source.shape, generator=random, dtype=torch.float64, device="cpu")):
        inputs = probe.to(source.device, source.dtype)
        wanted, found = call(inputs.clone()), module(inputs.clone())
        if not isinstance(wanted, torch.Tensor) or wanted.shape != found.shape or wanted.dtype != found.dtype:
            raise NoRuleError(f"the call returns another kind of value than {type(module).__name__} does")
        size = float(wanted.nan_to_num().abs().max())
        if isinstance(module, nn.Linear):
            size = max(size, float(F.linear(inputs.abs(), module.weight.abs()).max()))
        room = _UNITS * torch.finfo(wanted.dtype).eps * size
        if not torch.allclose(wanted.double(), found.double(), rtol=0, atol=room, equal_nan=True):
            raise NoRuleError(f"the call returns other values than {type(module).__name__} with its arguments does")


def settled(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return ``module``, or a copy with the constant itself, where the dtype of the inputs decides one."""
    if type(module) is not nn.RMSNorm or module.eps is not None:
        return module
    made = copy.copy(module)
    made.eps = rms_norm_eps(dtype)
    return made


def rms_norm_eps(dtype: torch.dtype) -> float:
    """Return the eps of an RMSNorm that has none, for inputs of ``dtype``: the smallest step of what it computes in.

    That is float64 for inputs of float64, and float32 for others.
    """
    return torch.finfo(torch.float64 if dtype == torch.float64 else torch.float32).eps
