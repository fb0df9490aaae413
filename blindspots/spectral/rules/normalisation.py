"""Lipschitz constants of normalisation by running statistics, or by the input's own mean and variance."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound, NoRuleError
from blindspots.spectral.rules.centring import centred_norm
from blindspots.spectral.rules.closed_form import exactly, rounded, scaled
from blindspots.spectral.rules.layer_inputs import check_channels, finite, finite_number, spatial_sizes

_CHANNEL = "largest factor of a channel"
_CONSTANT = "Jacobian at a constant input"
_BATCH: dict[type[nn.Module], tuple[int, ...]] = {
    nn.BatchNorm1d: (0, 1),
    nn.BatchNorm2d: (2,),
    nn.BatchNorm3d: (3,),
    nn.SyncBatchNorm: (1, 2, 3),
}
_INSTANCE: dict[type[nn.Module], int] = {nn.InstanceNorm1d: 1, nn.InstanceNorm2d: 2, nn.InstanceNorm3d: 3}


def _batch(layer: nn.BatchNorm2d, input_shape: tuple[int, ...]) -> Bound:
    """Return ``max |weight| / sqrt(var + eps)`` over the channels (slip "sigmoids"), in evaluation mode.

    Without running statistics the layer normalises by the batch's own, and one input's answer depends on the others'.
    """
    if len(input_shape) - 1 not in _BATCH[type(layer)]:
        raise InputError(f"{type(layer).__name__} takes no input of shape {input_shape}")
    check_channels(layer, input_shape, layer.num_features)
    # as it runs: by the statistics where they are there, whatever track_running_stats says
    if layer.running_var is None or layer.running_mean is None:
        raise NoRuleError(f"{type(layer).__name__} without running statistics mixes the inputs of a batch: no rule")
    return _by_running_statistics(layer)


def _instance(layer: nn.InstanceNorm2d, input_shape: tuple[int, ...]) -> Bound:
    """Return the same with running statistics; without, the largest |weight| over sqrt(eps), at a constant channel.

    Each channel is a layer norm of its own, whose values share one weight. Statistics that are there are not read
    unless ``track_running_stats`` is set, which may be done at any time.
    """
    sizes = spatial_sizes(layer, input_shape, _INSTANCE[type(layer)])
    check_channels(layer, input_shape, layer.num_features)
    if layer.track_running_stats:
        if layer.running_var is None or layer.running_mean is None:
            raise InputError(f"{type(layer).__name__} is to track running statistics and has none")
        return _by_running_statistics(layer)
    if math.prod(sizes) == 1:
        raise InputError(f"{type(layer).__name__} takes no input of shape {input_shape}: more than one value a channel")
    scales = _weight(layer, (layer.num_features,)).flatten()
    return scaled(exactly(float(scales.abs().max()), _CONSTANT), _steepness(layer, layer.eps), _CONSTANT)


def _layer(layer: nn.LayerNorm, input_shape: tuple[int, ...]) -> Bound:
    """Return ``||diag(weight) P|| / sqrt(eps)``, with P = I - 11'/n: the Jacobian's norm where all n values are alike.

    With z = Px and s^2 = |z|^2 / n + eps the Jacobian is ``diag(weight) P (I - zz' / (n s^2)) / s``, and the symmetric
    matrix in brackets has eigenvalues in [0, 1]: nowhere is it more than where z = 0 and s^2 = eps.
    """
    _check_trailing(layer, input_shape)
    steepness = _steepness(layer, layer.eps)
    return scaled(centred_norm(_weight(layer, tuple(layer.normalized_shape)).flatten()), steepness, _CONSTANT)


def _group(layer: nn.GroupNorm, input_shape: tuple[int, ...]) -> Bound:
    """Return the largest constant of a group of channels, each group a layer norm of its own."""
    check_channels(layer, input_shape, layer.num_channels)
    steepness, repeats = _steepness(layer, layer.eps), math.prod(input_shape[1:])
    norms = [centred_norm(group, repeats) for group in _weight(layer, (layer.num_channels,)).chunk(layer.num_groups)]
    largest = Bound(max(norm.lower for norm in norms), max(norm.upper for norm in norms), _CONSTANT)
    return scaled(largest, steepness, _CONSTANT)


def _root_mean_square(layer: nn.RMSNorm, input_shape: tuple[int, ...]) -> Bound:
    """Return ``max |weight| / sqrt(eps)``, the Jacobian's norm at 0.

    Where eps is None torch takes the smallest step of the dtype that it computes in, float32 at least: here that of the
    weight, or without one the default dtype. Where the dtype of the inputs is known, as in a network, it is set.
    """
    _check_trailing(layer, input_shape)
    weight = _weight(layer, tuple(layer.normalized_shape))
    dtype = torch.get_default_dtype() if layer.weight is None else layer.weight.dtype
    eps = (
        torch.finfo(torch.float64 if dtype == torch.float64 else torch.float32).eps if layer.eps is None else layer.eps
    )
    return scaled(exactly(float(weight.abs().max()), _CONSTANT), _steepness(layer, eps), _CONSTANT)


def channel_by_channel(
    layer: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return what batch normalisation by running statistics multiplies each channel by, and adds, (c,) in float64.

    And the sum of the absolute values of what is added together for that. It has such statistics.
    """
    assert layer.running_var is not None
    assert layer.running_mean is not None
    factor = (layer.running_var.detach().double() + layer.eps).rsqrt()
    if layer.weight is not None:
        factor = factor * layer.weight.detach().double()
    shift = factor * layer.running_mean.detach().double()
    bias = torch.zeros_like(shift) if layer.bias is None else layer.bias.detach().double()
    return factor, bias - shift, bias.abs() + shift.abs()


def _by_running_statistics(layer: nn.BatchNorm2d | nn.InstanceNorm2d) -> Bound:
    assert layer.running_var is not None
    variance = finite(layer, "running_var", layer.running_var) + finite_number(layer, "eps", layer.eps)
    if not (variance > 0).all():
        raise InputError(
            f"{type(layer).__name__}: running_var + eps is {float(variance.min())}, and more than 0 is wanted"
        )
    weight = torch.ones_like(variance) if layer.weight is None else finite(layer, "weight", layer.weight)
    largest = float((weight.abs() / variance.sqrt()).max())
    # a quotient that underflows is no 0
    return rounded(largest if largest or not weight.any() else math.ulp(0.0), _CHANNEL)


def _check_trailing(layer: nn.LayerNorm | nn.RMSNorm, input_shape: tuple[int, ...]) -> None:
    wanted = tuple(layer.normalized_shape)
    if input_shape[-len(wanted) :] != wanted:
        raise InputError(
            f"{type(layer).__name__} takes no input of shape {input_shape}: its last sizes are to be {wanted}"
        )


def _weight(layer: Any, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the factors after normalisation in float64, ones where there are none."""
    if layer.weight is None:
        return torch.ones(shape, dtype=torch.float64)
    return finite(layer, "weight", layer.weight)


def _steepness(layer: nn.Module, eps: float) -> float:
    """Return ``1 / sqrt(eps)``; without eps the layer jumps where the values don't vary, and has no rule."""
    if not finite_number(layer, "eps", eps) > 0:
        raise NoRuleError(
            f"{type(layer).__name__} with eps {eps}: no Lipschitz constant bounds it unless eps is above 0"
        )
    return 1 / math.sqrt(eps)


NORMALISATION: dict[type[nn.Module], Callable[[Any, tuple[int, ...]], Bound]] = {
    **dict.fromkeys(_BATCH, _batch),
    **dict.fromkeys(_INSTANCE, _instance),
    nn.LayerNorm: _layer,
    nn.GroupNorm: _group,
    nn.RMSNorm: _root_mean_square,
}
"""What each kind of layer's rule is."""
