"""How large a layer's values can be and how far rounding can put them off, anywhere in the box."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod

import torch
from torch import nn
from torch.nn import functional as F

from blindspots.spectral.rules.layer_inputs import own_code, per_axis
from blindspots.spectral.rules.normalisation import channel_by_channel

_FUNCTION_ROUNDINGS = 8
"""Units of rounding that a sigmoid or a hyperbolic tangent may be off."""
_KINDS = (
    *(nn.Linear, nn.Conv2d, nn.AvgPool2d, nn.MaxPool2d, nn.BatchNorm1d, nn.BatchNorm2d),
    *(nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.Flatten),
)


def is_covered(layer: nn.Module) -> bool:
    """Tell whether :func:`evaluated` and :func:`propagated` know what ``layer`` does: its exact class and settings."""
    if type(layer) not in _KINDS or own_code(layer):
        return False
    if isinstance(layer, nn.Flatten):
        return (layer.start_dim, layer.end_dim) == (1, -1)
    if isinstance(layer, nn.Conv2d):
        return layer.padding_mode == "zeros"
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        return layer.running_var is not None and layer.running_mean is not None
    return not (isinstance(layer, nn.MaxPool2d) and layer.return_indices)


@dataclass(frozen=True)
class Range:
    """Bounds of a layer's values at any image of the box, elementwise: (1, ...) in float64."""

    size: torch.Tensor
    """Of the absolute values, as rounded."""
    error: torch.Tensor
    """Of the differences between the values as rounded and the values by exact arithmetic."""

    @classmethod
    def of_images(cls, images: torch.Tensor) -> "Range":
        """Return the range of the images themselves, (n, ...) in [0, 1]: they're exact."""
        one = torch.ones_like(images[:1], dtype=torch.float64)
        return cls(one, torch.zeros_like(one))


@dataclass(frozen=True)
class _Affine:
    """An affine layer in float64: ``apply(values, weight, bias)``."""

    apply: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    weight: torch.Tensor
    bias: torch.Tensor
    constant: torch.Tensor
    """The sum of the absolute values of what the bias is computed from."""
    terms: int
    """As many roundings each output may take part in."""


def evaluated(layer: nn.Module, values: torch.Tensor) -> torch.Tensor:
    """Return the outputs of a layer that is covered, in float64 and as in evaluation mode.

    ``values``: (n, ...) in float64, left as they are.
    """
    affine = _affine(layer)
    if affine is not None:
        return affine.apply(values, affine.weight, affine.bias)
    if isinstance(layer, nn.ReLU):
        return F.relu(values)  # the layer itself may work in place
    if isinstance(layer, nn.LeakyReLU):
        return F.leaky_relu(values, layer.negative_slope)
    outputs: torch.Tensor = layer(values)
    return outputs


def propagated(layer: nn.Module, inputs: Range, dtype: torch.dtype) -> Range:
    """Return the range of the outputs, for inner products of ``dtype`` in any order (Higham 2002, section 3.1).

    What rounding in float64 adds where the same layer is :func:`evaluated` is included.
    """
    # u of the dtype, and u of float64, in which the same layer is evaluated: both roundings at once
    unit = (torch.finfo(dtype).eps + torch.finfo(torch.float64).eps) / 2
    size, error = inputs.size, inputs.error
    affine = _affine(layer)
    if affine is not None:
        # |W| (|x| + e) + |b| bounds every sum on the way, |W| e what was off before
        weight, none = affine.weight.abs(), torch.zeros_like(affine.bias)
        largest, spread = affine.apply(size + error, weight, affine.constant), affine.apply(error, weight, none)
        tiny = _underflow(affine.terms, dtype, size, weight)
        return _rounded(largest, spread + tiny, affine.terms, unit, dtype)
    if isinstance(layer, nn.AvgPool2d):
        terms = 2 + prod(per_axis(layer.kernel_size, 2))
        tiny = _underflow(terms, dtype, size)
        return _rounded(layer(size + error).abs(), layer(error).abs() + tiny, terms, unit, dtype)
    if isinstance(layer, nn.Sigmoid | nn.Tanh):
        steepest = 0.25 if isinstance(layer, nn.Sigmoid) else 1.0
        return Range(torch.ones_like(size), steepest * error + _FUNCTION_ROUNDINGS * unit)
    if isinstance(layer, nn.LeakyReLU):
        slope = abs(layer.negative_slope)
        steepest = max(1.0, slope)
        return Range(steepest * size, steepest * error + 3 * unit * slope * (size + error) + _underflow(1, dtype, size))
    if isinstance(layer, nn.ReLU):
        return inputs
    return Range(layer(size), layer(error))  # selections of values: pooling by the maximum, flattening


def _rounded(largest: torch.Tensor, spread: torch.Tensor, terms: int, unit: float, dtype: torch.dtype) -> Range:
    # n u / (1 - n u) of the sum of absolute terms (Higham 2002, section 3.1); no bound where the dtype overflows, or
    # where there are so many terms that n u is not below 1
    share = terms * unit / (1 - terms * unit) if terms * unit < 1 else torch.inf
    error = spread + share * largest.clamp_min(torch.finfo(dtype).tiny)
    return Range(largest, error.masked_fill(largest > torch.finfo(dtype).max, torch.inf))


def _underflow(terms: int, dtype: torch.dtype, size: torch.Tensor, weight: torch.Tensor | None = None) -> float:
    """Return what underflow may put off a sum of products: of each the least normal number of the dtype.

    That is so if what is less is flushed to 0, products, sums and factors alike; twice that for float64's own.
    """
    factor = 1.0 if weight is None or not weight.numel() else float(weight.max())
    return 2 * terms * torch.finfo(dtype).tiny * (1 + float(size.max()) + factor)


def _affine(layer: nn.Module) -> _Affine | None:
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        return _normalisation(layer)
    if not isinstance(layer, nn.Linear | nn.Conv2d):
        return None
    weight = layer.weight.detach().double()
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach().double()
    apply: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor] = F.linear
    if isinstance(layer, nn.Conv2d):
        settings = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
        apply = partial(F.conv2d, groups=layer.groups, **settings)
    return _Affine(apply, weight, bias, bias.abs(), weight[0].numel() + 2)


def _normalisation(layer: nn.BatchNorm1d | nn.BatchNorm2d) -> _Affine:
    """Return batch normalisation by running statistics; its factor and its shift are computed in the dtype as well."""
    return _Affine(_by_channel, *channel_by_channel(layer), 16)


def _by_channel(values: torch.Tensor, factor: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    shape = (1, -1, *[1] * (values.dim() - 2))
    return values * factor.reshape(shape) + shift.reshape(shape)
