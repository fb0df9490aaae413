"""Torch's layers as linear maps and constants, and the slopes of rectifiers."""

from math import prod
from typing import Any

import torch
from torch import nn

from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.relaxation.maps import Averaging, Convolution, Dense, LinearMap, Scaled
from blindspots.spectral.rules.layer_inputs import per_axis
from blindspots.spectral.rules.normalisation import channel_by_channel

_MEANS: dict[type[nn.Module], int] = {
    nn.AvgPool1d: 1,
    nn.AvgPool2d: 2,
    nn.AvgPool3d: 3,
    nn.AdaptiveAvgPool1d: 1,
    nn.AdaptiveAvgPool2d: 2,
    nn.AdaptiveAvgPool3d: 3,
}
_CONVOLUTIONS: dict[type[nn.Module], int] = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
_NORM_ROUNDINGS = 16
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def linear_layer(
    module: nn.Module, before: tuple[int, ...], after: tuple[int, ...]
) -> tuple[LinearMap, torch.Tensor, torch.Tensor] | None:
    """Return a layer of float64 as its map, its constant, () or (1, ...), and the absolute terms of that.

    None for a layer that is not known. ``before`` and ``after`` are shapes without the batch. Raises NoRuleError for
    settings that are not known.
    """
    kind = type(module)
    if kind is nn.Linear:
        assert isinstance(module, nn.Linear)
        if len(before) != 1:
            raise NoRuleError(f"a linear layer along the last of {len(before)} axes has no relaxation")
        return Dense(module.weight.detach().double()), *_bias(module.bias, 1)
    if kind in _CONVOLUTIONS:
        return _convolution(module, before), *_bias(module.bias, len(before))  # type: ignore[arg-type]
    if kind in _NORMS:
        assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
        return _normalisation(module, before, after)
    if kind in _MEANS:
        if len(before) != _MEANS[kind] + 1:
            raise NoRuleError("a pooling of no channels has no relaxation")
        if (getattr(module, "divisor_override", None) or 1) < 0:
            raise NoRuleError("a pooling with a divisor below 0 has no relaxation")
        return Averaging(module, before, after, _window(module, before, after)), *_bias(None, 1)
    return None


def _window(module: Any, before: tuple[int, ...], after: tuple[int, ...]) -> int:
    """Return how many values a pooling's window holds at most, and in how many windows a value lies."""
    axes = len(before) - 1
    if hasattr(module, "kernel_size"):
        return 2 + prod(per_axis(module.kernel_size, axes))
    # along an axis an adaptive window is no longer than the quotient of the lengths, rounded up, and 1; transposed too
    return 2 + prod(max(-(-a // b), -(-b // a)) + 1 for a, b in zip(before[1:], after[1:], strict=True))


def slope_of(module: nn.Module, shape: tuple[int, ...]) -> torch.Tensor | None:
    """Return by what a rectifier multiplies what is below 0, () or (1, ...); None for 0. ``shape``: of its values."""
    if type(module) is nn.ReLU:
        return None
    if isinstance(module, nn.LeakyReLU):
        return torch.tensor(module.negative_slope, dtype=torch.float64)
    assert isinstance(module, nn.PReLU)
    weight = module.weight.detach().double()
    return weight.reshape(()) if weight.numel() == 1 else weight.reshape(1, -1, *[1] * (len(shape) - 1))


def _bias(values: torch.Tensor | None, axes: int) -> tuple[torch.Tensor, torch.Tensor]:
    if values is None:
        return torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    bias = values.detach().double().reshape(1, -1, *[1] * (axes - 1))
    return bias, bias.abs()


def _convolution(layer: Any, before: tuple[int, ...]) -> Convolution:
    axes = layer.weight.dim() - 2
    if layer.padding_mode != "zeros" or len(before) != axes + 1:
        raise NoRuleError(f"a convolution with {layer.padding_mode} padding of {len(before)} axes has no relaxation")
    stride, dilation, padding = per_axis(layer.stride, axes), per_axis(layer.dilation, axes), layer.padding
    if isinstance(padding, str):
        taps = layer.weight.shape[2:]  # which may be others than it was made with
        whole = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, taps, strict=True)]
        if any(each % 2 for each in whole):
            raise NoRuleError("a convolution that is padded on one side more than on the other has no relaxation")
        padding = tuple(each // 2 for each in whole)
    weight = layer.weight.detach().double()
    return Convolution(weight, stride, per_axis(padding, axes), dilation, layer.groups, before)


def _normalisation(
    layer: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d, before: tuple[int, ...], after: tuple[int, ...]
) -> tuple[Scaled, torch.Tensor, torch.Tensor]:
    if layer.running_var is None or layer.running_mean is None:
        raise NoRuleError("a batch norm by the batch's own statistics mixes the inputs of a batch")
    shape = (1, -1, *[1] * (len(before) - 1))
    factor, constant, terms = (each.reshape(shape) for each in channel_by_channel(layer))
    return Scaled(factor, before, after, _NORM_ROUNDINGS), constant, terms
