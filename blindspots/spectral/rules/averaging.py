"""Norms of average pooling, which is linear: of the matrix along each axis, whose Kronecker product it is."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from blindspots.spectral.matrix.bound import Bound
from blindspots.spectral.rules.closed_form import product, scaled
from blindspots.spectral.rules.layer_inputs import output_shape, spatial_sizes
from blindspots.spectral.rules.windows import adaptive, slid

_METHOD = "norm of the averages along each axis"
_SLIDING: dict[type[nn.Module], int] = {nn.AvgPool1d: 1, nn.AvgPool2d: 2, nn.AvgPool3d: 3}
_ADAPTIVE: dict[type[nn.Module], int] = {nn.AdaptiveAvgPool1d: 1, nn.AdaptiveAvgPool2d: 2, nn.AdaptiveAvgPool3d: 3}


def _average(layer: nn.AvgPool2d, input_shape: tuple[int, ...]) -> Bound:
    """Return the norm of an average over sliding windows of this input.

    A window's divisor is the product of one number an axis: how many places it holds, with the padding or without it,
    but never those beyond the padding (ceil_mode); or one ``divisor_override`` for all.
    """
    dims = _SLIDING[type(layer)]
    sizes = spatial_sizes(layer, input_shape, dims)
    axes = slid(layer, sizes, output_shape(layer, input_shape)[1:])
    divisor = getattr(layer, "divisor_override", None)
    if divisor is not None:
        sums = product((axis.norm(torch.ones(len(axis.places), dtype=torch.float64)) for axis in axes), _METHOD)
        return scaled(sums, 1 / abs(divisor), _METHOD)
    counts = [axis.reach if layer.count_include_pad else axis.held for axis in axes]
    return product((axis.norm(1 / count.double()) for axis, count in zip(axes, counts, strict=True)), _METHOD)


def _adaptive_average(layer: nn.AdaptiveAvgPool2d, input_shape: tuple[int, ...]) -> Bound:
    """Return the norm of an average over windows that share out the input."""
    sizes = spatial_sizes(layer, input_shape, _ADAPTIVE[type(layer)])
    axes = map(adaptive, sizes, output_shape(layer, input_shape)[1:])
    return product((axis.norm(1 / axis.held.double()) for axis in axes), _METHOD)


AVERAGING: dict[type[nn.Module], Callable[[Any, tuple[int, ...]], Bound]] = {
    **dict.fromkeys(_SLIDING, _average),
    **dict.fromkeys(_ADAPTIVE, _adaptive_average),
}
"""What each kind of layer's rule is."""
