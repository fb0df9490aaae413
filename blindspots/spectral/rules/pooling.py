"""Lipschitz constants of pooling by the largest value and by a norm: windows that overlap spread inputs apart."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound, NoRuleError
from blindspots.spectral.rules.closed_form import product, root
from blindspots.spectral.rules.layer_inputs import output_shape, spatial_sizes
from blindspots.spectral.rules.windows import adaptive, slid

_LARGEST: dict[type[nn.Module], int] = {nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3}
_ADAPTIVE: dict[type[nn.Module], int] = {nn.AdaptiveMaxPool1d: 1, nn.AdaptiveMaxPool2d: 2, nn.AdaptiveMaxPool3d: 3}
_BY_NORM: dict[type[nn.Module], int] = {nn.LPPool1d: 1, nn.LPPool2d: 2, nn.LPPool3d: 3}


def _largest(layer: nn.MaxPool2d, input_shape: tuple[int, ...]) -> Bound:
    """Return the root of the largest number of windows that one value of this input lies in.

    The paper takes 1 (section 4.3), which holds without overlap alone (slip "max pooling"). The largest of a window
    changes by no more than the norm of the window's change, and each value's change is counted in N windows at most; a
    value that is the largest in all of its windows attains sqrt(N).
    """
    _refuse_indices(layer)
    dims = _LARGEST[type(layer)]
    sizes = spatial_sizes(layer, input_shape, dims)
    axes = slid(layer, sizes, output_shape(layer, input_shape)[1:])
    if any((axis.held == 0).any() for axis in axes):
        raise InputError(
            f"{type(layer).__name__} on {input_shape}: a window holds padding alone, and its largest is -inf"
        )
    return root(math.prod(axis.overlap() for axis in axes), "largest number of overlapping windows")


def _adaptive_largest(layer: nn.AdaptiveMaxPool2d, input_shape: tuple[int, ...]) -> Bound:
    """Return the same for windows that share out the input; they overlap where they don't divide it."""
    _refuse_indices(layer)
    sizes = spatial_sizes(layer, input_shape, _ADAPTIVE[type(layer)])
    axes = map(adaptive, sizes, output_shape(layer, input_shape)[1:])
    return root(math.prod(axis.overlap() for axis in axes), "largest number of overlapping windows")


def _by_norm(layer: nn.LPPool2d, input_shape: tuple[int, ...]) -> Bound:
    """Return the constant of the p-norms of windows: with p = 2, the root of the largest number of windows on a value.

    A window of m values changes by no more than the 2-norm of its change where p >= 2, and by no more than
    m^(1/p - 1/2) times that where p < 2 (Hölder). With ceil_mode torch's windows over the ragged end are scaled up by
    (taps / values)^(1/p), which is counted. Each value's change is added up over the windows that it lies in. From
    below: one value alone, which attains it for p >= 2, or all values alike, which attains it for p < 2 where windows
    don't overlap. p = 1 in torch sums without absolute values and is linear.

    For a p that is no whole number torch returns NaN for negative values, and the bound is of inputs >= 0. For odd
    p >= 3 it takes the root of a sum of odd powers, which has no bounded slope, and for p < 1 neither: no rule.
    """
    dims, power = _BY_NORM[type(layer)], float(layer.norm_type)
    sizes = spatial_sizes(layer, input_shape, dims)
    if not 1 <= power < math.inf or (power > 1 and power % 2 == 1):
        raise NoRuleError(f"{type(layer).__name__} with norm_type {layer.norm_type}: no Lipschitz constant is known")
    axes = slid(layer, sizes, output_shape(layer, input_shape)[1:])
    scales = [((len(axis.places[0]) / axis.reach.double()) ** (1 / power)) for axis in axes]
    if power == 1:
        norms = [axis.norm(scale) for axis, scale in zip(axes, scales, strict=True)]
        return product(norms, "sum of each window")
    squares = upper = spike = 1.0
    for axis, scale in zip(axes, scales, strict=True):
        held = axis.held.double()
        spike *= float(axis.totals(scale**2).max())
        upper *= float(axis.totals((scale * held ** max(1 / power - 0.5, 0.0)) ** 2).max())
        squares *= float((scale * held ** (1 / power)).square().sum()) / axis.size
    terms = sum(axis.places.shape[0] + axis.places.shape[1] for axis in axes)  # of any of the sums
    lower, upper = math.sqrt(max(spike, squares)), math.sqrt(upper)
    slack = (terms + 64) * torch.finfo(torch.float64).eps
    return Bound(lower * (1 - slack), upper * (1 + slack), "overlapping windows' norms")


def _refuse_indices(layer: nn.MaxPool2d | nn.AdaptiveMaxPool2d) -> None:
    if layer.return_indices:
        raise NoRuleError(
            f"{type(layer).__name__} with return_indices returns places besides values: no bound is known"
        )


POOLING: dict[type[nn.Module], Callable[[Any, tuple[int, ...]], Bound]] = {
    **dict.fromkeys(_LARGEST, _largest),
    **dict.fromkeys(_ADAPTIVE, _adaptive_largest),
    **dict.fromkeys(_BY_NORM, _by_norm),
}
"""What each kind of layer's rule is."""
