"""A batch norm and the linear layer before it, as one linear layer (in evaluation mode that is what they are)."""

import torch
from torch import nn
from torch.nn.utils import parametrize

from blindspots.spectral.rules.layer_inputs import own_code

_BEFORE: dict[type[nn.Module], tuple[type[nn.Module], int]] = {
    nn.Linear: (nn.BatchNorm1d, 1),
    nn.Conv1d: (nn.BatchNorm1d, 2),
    nn.Conv2d: (nn.BatchNorm2d, 3),
    nn.Conv3d: (nn.BatchNorm3d, 4),
}
"""Which batch norm folds into which layer, and how many axes there are between them, without the batch."""


def folded(before: nn.Module, norm: nn.Module, shape: tuple[int, ...]) -> nn.Module | None:
    """Return ``before`` with the weights of itself and ``norm`` after it, in float64; None where they don't fold.

    ``shape``: between the two, without the batch. The bias, of no matter to a bound, is that of the two as well.
    """
    kind = parametrize.type_before_parametrizations(before)
    if _BEFORE.get(kind) != (type(norm), len(shape)):
        return None
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
    without = norm.running_var is None or norm.running_mean is None
    if without or own_code(before) or own_code(norm):
        return None
    assert norm.running_var is not None
    assert norm.running_mean is not None
    # BN(W x + b) = D (W x + b - mean) + beta with D = diag(gamma / sqrt(var + eps)): linear, of the weight D W, whose
    # norm is at most |D| |W|, the product of the two layers' own, and often far less
    variance = norm.running_var.detach().double() + norm.eps
    factor = variance.rsqrt() if norm.weight is None else norm.weight.detach().double() / variance.sqrt()
    weight: torch.Tensor = before.weight.detach().double()  # type: ignore[operator]
    if not bool(torch.isfinite(factor).all()) or len(factor) != len(weight):
        return None
    # not parametrised any more, where ``before`` is; and nothing of that is copied
    made: nn.Module = object.__new__(kind)
    made.__dict__.update(before.__dict__)
    made._modules = {}
    made._parameters = dict(before._parameters)
    spread = factor.reshape(-1, *[1] * (weight.dim() - 1))
    both = weight * spread
    used = weight != 0 if norm.weight is None else (weight != 0) & (norm.weight.reshape(spread.shape) != 0)
    if bool(((both.abs() < torch.finfo(both.dtype).tiny) & used).any()):
        return None  # a product that underflows would count as less than it is
    made.weight = nn.Parameter(both, requires_grad=False)
    shift = 0 if before.bias is None else before.bias.detach().double()  # type: ignore[operator]
    bias = (shift - norm.running_mean.detach().double()) * factor
    if norm.bias is not None:
        bias = bias + norm.bias.detach().double()
    made._parameters["bias"] = nn.Parameter(bias, requires_grad=False)
    return made
