"""Lipschitz constants of the softmax functions, whose outputs each depend on a whole row of inputs."""

from collections.abc import Callable
from typing import Any

from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound
from blindspots.spectral.rules.closed_form import exactly, root
from blindspots.spectral.rules.layer_inputs import axis_of, spatial_sizes

_METHOD = "Jacobian in closed form"


def _softmax(layer: nn.Softmax | nn.Softmin, input_shape: tuple[int, ...]) -> Bound:
    """Return 1/2 (slip "sigmoids"), or 0 along an axis of one value.

    The Jacobian is diag(p) - pp', with the absolute row sums 2 p_i (1 - p_i) <= 1/2. Two values that share all
    probability alike attain it: at (0, 0), or in the limit where the others' inputs fall without end.
    """
    return exactly(0.5 if _length(layer, input_shape) > 1 else 0.0, _METHOD)


def _log_softmax(layer: nn.LogSoftmax, input_shape: tuple[int, ...]) -> Bound:
    """Return sqrt(n) for n values, or 0 for one.

    The Jacobian I - 1p' is affine in the probabilities p, so that its norm, convex, is largest at a corner of the
    simplex, which p comes as near as you like: p = e_1 leaves rows e_i - e_1, whose Gram matrix I + 11' of n - 1 rows
    has the norm n.
    """
    length = _length(layer, input_shape)
    return root(length, _METHOD) if length > 1 else exactly(0.0, _METHOD)


def _channel_softmax(layer: nn.Softmax2d, input_shape: tuple[int, ...]) -> Bound:
    spatial_sizes(layer, input_shape, 2)
    return exactly(0.5 if input_shape[0] > 1 else 0.0, _METHOD)


def _length(layer: nn.Softmax | nn.Softmin | nn.LogSoftmax, input_shape: tuple[int, ...]) -> int:
    if layer.dim is None:
        raise InputError(f"{type(layer).__name__}: dim is None, and the dim that adds up to one is wanted, such as -1")
    return input_shape[axis_of(layer, input_shape, layer.dim)]


SOFTMAX: dict[type[nn.Module], Callable[[Any, tuple[int, ...]], Bound]] = {
    nn.Softmax: _softmax,
    nn.Softmin: _softmax,
    nn.Softmax2d: _channel_softmax,
    nn.LogSoftmax: _log_softmax,
}
"""What each kind of layer's rule is."""
