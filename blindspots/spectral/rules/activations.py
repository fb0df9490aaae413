"""Lipschitz constants of functions applied to each value by itself: the largest slope anywhere."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound, NoRuleError
from blindspots.spectral.rules.closed_form import exactly, rounded
from blindspots.spectral.rules.layer_inputs import check_channels, finite, finite_number

_METHOD = "largest slope"
_ROUNDED_UP = 1 + 1e-12
_FLOAT32 = torch.finfo(torch.float32).eps


def _one(layer: nn.Module, input_shape: tuple[int, ...]) -> Bound:
    """Return 1, the slope somewhere or in the limit."""
    return exactly(1.0, _METHOD)


def _sigmoid(layer: nn.Sigmoid, input_shape: tuple[int, ...]) -> Bound:
    return exactly(0.25, _METHOD)  # at 0 (slip "sigmoids")


def _hardsigmoid(layer: nn.Hardsigmoid, input_shape: tuple[int, ...]) -> Bound:
    return rounded(1 / 6, _METHOD)


def _hardswish(layer: nn.Hardswish, input_shape: tuple[int, ...]) -> Bound:
    return exactly(1.5, _METHOD)  # (2x + 3) / 6 as x rises to 3


def _hardtanh(layer: nn.Hardtanh, input_shape: tuple[int, ...]) -> Bound:
    low, high = finite_number(layer, "min_val", layer.min_val), finite_number(layer, "max_val", layer.max_val)
    return exactly(1.0 if low < high else 0.0, _METHOD)


def _leaky(layer: nn.LeakyReLU, input_shape: tuple[int, ...]) -> Bound:
    return exactly(max(1.0, abs(finite_number(layer, "negative_slope", layer.negative_slope))), _METHOD)


def _randomised(layer: nn.RReLU, input_shape: tuple[int, ...]) -> Bound:
    """Return the constant of evaluation mode, where the slope is the mean of the range's ends."""
    return rounded(max(1.0, abs(finite_number(layer, "the slopes", (layer.lower + layer.upper) / 2))), _METHOD)


def _parametric(layer: nn.PReLU, input_shape: tuple[int, ...]) -> Bound:
    if layer.weight.numel() > 1:
        check_channels(layer, input_shape, layer.weight.numel())
    return exactly(max(1.0, float(finite(layer, "weight", layer.weight).abs().max())), _METHOD)


def _elu(layer: nn.ELU, input_shape: tuple[int, ...]) -> Bound:
    return exactly(max(1.0, abs(finite_number(layer, "alpha", layer.alpha))), _METHOD)  # alpha e^x as x rises to 0


def _celu(layer: nn.CELU, input_shape: tuple[int, ...]) -> Bound:
    if not finite_number(layer, "alpha", layer.alpha) > 0:
        raise NoRuleError(
            f"CELU with alpha {layer.alpha}: its slope e^(x / alpha) has no bound unless alpha is above 0"
        )
    return exactly(1.0, _METHOD)


def _selu(layer: nn.SELU, input_shape: tuple[int, ...]) -> Bound:
    """Return scale * alpha, the slope as x rises to 0 (Klambauer et al. 2017): above 1."""
    return rounded(1.6732632423543772 * 1.0507009873554805, _METHOD)


def _gelu(layer: nn.GELU, input_shape: tuple[int, ...]) -> Bound:
    """Return GELU's constant: x Phi(x) has the second derivative (2 - x^2) phi(x), so it is steepest at sqrt(2)."""
    return rounded(_TANH_GELU, _METHOD, operations=64) if layer.approximate == "tanh" else _GELU


def _silu(layer: nn.SiLU, input_shape: tuple[int, ...]) -> Bound:
    return rounded(_SILU, _METHOD, operations=64)


def _mish(layer: nn.Mish, input_shape: tuple[int, ...]) -> Bound:
    return rounded(_MISH, _METHOD, operations=64)


def _softplus(layer: nn.Softplus, input_shape: tuple[int, ...]) -> Bound:
    """Return 1, the slope in the limit. Above its threshold torch returns x itself and so jumps.

    Where the jump is no more than float32's rounding of the value (2e-9 at 20, the default) it is told beside the bound
    (:attr:`.Bound.jump`), for proofs to take off; where it is more the layer has no rule.
    """
    beta, threshold = finite_number(layer, "beta", layer.beta), finite_number(layer, "threshold", layer.threshold)
    if beta == 0:
        raise InputError("Softplus: beta is 0, and log(1 + e^(beta x)) / beta is wanted")
    jump = math.log1p(math.exp(min(-threshold, 700.0)))
    if jump > _FLOAT32 / 2 * threshold:
        raise NoRuleError(f"Softplus with threshold {threshold} jumps there: no Lipschitz constant bounds it")
    jump = jump / abs(beta) * math.sqrt(math.prod(input_shape)) * _ROUNDED_UP
    return Bound(1.0, 1.0, f"{_METHOD}, but for a jump of {jump:.2g} in all", jump=jump)


def _hardshrink(layer: nn.Hardshrink, input_shape: tuple[int, ...]) -> Bound:
    if finite_number(layer, "lambd", layer.lambd) > 0:
        raise NoRuleError(f"Hardshrink jumps at -{layer.lambd} and {layer.lambd}: no Lipschitz constant bounds it")
    return exactly(1.0, _METHOD)  # nothing is shrunk


def _threshold(layer: nn.Threshold, input_shape: tuple[int, ...]) -> Bound:
    threshold, value = finite_number(layer, "threshold", layer.threshold), finite_number(layer, "value", layer.value)
    if threshold != value:
        raise NoRuleError(f"Threshold jumps from {value} to {threshold} there: no Lipschitz constant bounds it")
    return exactly(1.0, _METHOD)


def _steepest(slope: Callable[[float], float], low: float, high: float) -> float:
    """Return the largest value of a slope that rises and then falls between ``low`` and ``high``.

    An error of 1e-8 in its place changes a maximum by about 1e-16: thirds are enough.
    """
    while high - low > 1e-8:
        left, right = (2 * low + high) / 3, (low + 2 * high) / 3
        low, high = (left, high) if slope(left) < slope(right) else (low, right)
    return slope((low + high) / 2)


def _tanh_gelu_slope(x: float) -> float:
    inner = math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    return (1 + inner + x * (1 - inner**2) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)) / 2


def _silu_slope(x: float) -> float:
    sigmoid = 1 / (1 + math.exp(-x))
    return sigmoid * (1 + x * (1 - sigmoid))


def _mish_slope(x: float) -> float:
    gate = math.tanh(math.log1p(math.exp(x)))
    return gate + x * (1 - gate**2) / (1 + math.exp(-x))


_GELU = rounded((1 + math.erf(1)) / 2 + math.exp(-1) / math.sqrt(math.pi), _METHOD)  # 1.1289
_TANH_GELU = _steepest(_tanh_gelu_slope, 0.5, 3.0)  # 1.1290
_SILU = _steepest(_silu_slope, 1.0, 4.0)  # 1.0998
_MISH = _steepest(_mish_slope, 0.5, 3.0)  # 1.0885

ACTIVATIONS: dict[type[nn.Module], Callable[[Any, tuple[int, ...]], Bound]] = {
    nn.ReLU: _one,
    nn.ReLU6: _one,
    nn.Tanh: _one,
    nn.LogSigmoid: _one,
    nn.Softsign: _one,
    nn.Softshrink: _one,
    nn.Tanhshrink: _one,
    nn.Sigmoid: _sigmoid,
    nn.Hardsigmoid: _hardsigmoid,
    nn.Hardswish: _hardswish,
    nn.Hardtanh: _hardtanh,
    nn.LeakyReLU: _leaky,
    nn.RReLU: _randomised,
    nn.PReLU: _parametric,
    nn.ELU: _elu,
    nn.CELU: _celu,
    nn.SELU: _selu,
    nn.GELU: _gelu,
    nn.SiLU: _silu,
    nn.Mish: _mish,
    nn.Softplus: _softplus,
    nn.Hardshrink: _hardshrink,
    nn.Threshold: _threshold,
}
"""What each kind of layer's rule is."""
