"""Norms of layers that move values, copy them, or leave them as they are."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound, NoRuleError
from blindspots.spectral.rules.closed_form import exactly, root
from blindspots.spectral.rules.layer_inputs import axis_of, output_shape, per_axis, spatial_sizes
from blindspots.spectral.rules.windows import slid

_MOVED = "each value once"
_COPIED = "largest number of copies"
_CONSTANT_PADS: dict[type[nn.Module], int] = {
    nn.ZeroPad1d: 1,
    nn.ZeroPad2d: 2,
    nn.ZeroPad3d: 3,
    nn.ConstantPad1d: 1,
    nn.ConstantPad2d: 2,
    nn.ConstantPad3d: 3,
}
_COPYING_PADS: dict[type[nn.Module], tuple[int, str]] = {
    nn.ReflectionPad1d: (1, "reflect"),
    nn.ReflectionPad2d: (2, "reflect"),
    nn.ReflectionPad3d: (3, "reflect"),
    nn.ReplicationPad1d: (1, "replicate"),
    nn.ReplicationPad2d: (2, "replicate"),
    nn.ReplicationPad3d: (3, "replicate"),
    nn.CircularPad1d: (1, "circular"),
    nn.CircularPad2d: (2, "circular"),
    nn.CircularPad3d: (3, "circular"),
}


def _nothing(layer: nn.Module, input_shape: tuple[int, ...]) -> Bound:
    """Return 1: an identity, or dropout in evaluation mode."""
    return exactly(1.0, "nothing is done in evaluation mode")


def _moved(layer: nn.Module, input_shape: tuple[int, ...]) -> Bound:
    """Return 1: a permutation of the values, where torch takes the input."""
    output_shape(layer, input_shape)
    return exactly(1.0, _MOVED)


def _flattened(layer: nn.Flatten, input_shape: tuple[int, ...]) -> Bound:
    """Return 1 where the batch is left alone."""
    axis_of(layer, input_shape, layer.start_dim)
    return _moved(layer, input_shape)


def _unflattened(layer: nn.Unflatten, input_shape: tuple[int, ...]) -> Bound:
    if isinstance(layer.dim, int):
        axis_of(layer, input_shape, layer.dim)
    return _moved(layer, input_shape)


def _constant_pad(layer: nn.ConstantPad2d, input_shape: tuple[int, ...]) -> Bound:
    """Return 1: constants are added at the border, or values cut off where padding is negative; 0 if all are.

    Along the last axes, whatever they are: channels too, but the batch.
    """
    dims = _CONSTANT_PADS[type(layer)]
    if len(input_shape) < dims:
        raise InputError(f"{type(layer).__name__} takes no input of shape {input_shape}: {dims} sizes are wanted")
    sizes = input_shape[-dims:]
    output_shape(layer, input_shape)
    kept = [
        size + sum(min(margin, 0) for margin in _margins(layer.padding, dims, axis)) for axis, size in enumerate(sizes)
    ]
    return exactly(1.0 if min(kept) > 0 else 0.0, _MOVED)


def _copying_pad(layer: nn.ReflectionPad2d, input_shape: tuple[int, ...]) -> Bound:
    """Return the root of the largest number of copies of one value, the product of that along each axis."""
    dims, mode = _COPYING_PADS[type(layer)]
    if mode == "circular" and min(layer.padding) < 0:  # torch's answer can be memory that nothing was written to
        raise NoRuleError(f"{type(layer).__name__} with padding {layer.padding}: below 0 its answer is undefined")
    sizes = spatial_sizes(layer, input_shape, dims)
    if 0 in output_shape(layer, input_shape):
        raise InputError(f"{type(layer).__name__} takes no input of shape {input_shape}: it leaves nothing of it")
    copies = 1
    for axis, size in enumerate(sizes):
        places = F.pad(torch.arange(size, dtype=torch.float64)[None, None], _margins(layer.padding, dims, axis), mode)
        copies *= int(places.long().flatten().bincount().max())
    return root(copies, _COPIED)


def _margins(padding: tuple[int, ...], dims: int, axis: int) -> tuple[int, ...]:
    """Return what is added before and behind along one axis; torch names the last axis first."""
    return padding[2 * (dims - 1 - axis) : 2 * (dims - axis)]


def _patches(layer: nn.Unfold, input_shape: tuple[int, ...]) -> Bound:
    """Return the root of the largest number of windows that one value of this input is copied to."""
    sizes = spatial_sizes(layer, input_shape, 2)
    output_shape(layer, input_shape)
    counts = tuple(_windows(layer, axis, size) for axis, size in enumerate(sizes))
    return root(math.prod(axis.overlap() for axis in slid(layer, sizes, counts)), _COPIED)


def _windows(layer: nn.Unfold, axis: int, size: int) -> int:
    kernel, stride, padding, dilation = (
        per_axis(sizes, 2)[axis] for sizes in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    )
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


REARRANGING: dict[type[nn.Module], Callable[[Any, tuple[int, ...]], Bound]] = {
    nn.Identity: _nothing,
    nn.Dropout: _nothing,
    nn.Dropout1d: _nothing,
    nn.Dropout2d: _nothing,
    nn.Dropout3d: _nothing,
    nn.AlphaDropout: _nothing,
    nn.FeatureAlphaDropout: _nothing,
    nn.Flatten: _flattened,
    nn.Unflatten: _unflattened,
    nn.PixelShuffle: _moved,
    nn.PixelUnshuffle: _moved,
    nn.ChannelShuffle: _moved,
    nn.Unfold: _patches,
    **dict.fromkeys(_CONSTANT_PADS, _constant_pad),
    **dict.fromkeys(_COPYING_PADS, _copying_pad),
}
"""What each kind of layer's rule is."""
