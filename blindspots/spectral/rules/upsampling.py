"""Norms of upsampling, which is linear: of the matrix along each axis, whose Kronecker product it is."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound, NoRuleError
from blindspots.spectral.matrix.norm import linear_norm
from blindspots.spectral.rules.closed_form import exactly, product
from blindspots.spectral.rules.layer_inputs import output_shape

_ENTRIES = 1 << 22
"""Of the largest matrix that is written out."""
_ALONG_ONE_AXIS = {"linear": "linear", "bilinear": "linear", "trilinear": "linear", "bicubic": "bicubic"}


def _upsampled(layer: nn.Upsample, input_shape: tuple[int, ...]) -> Bound:
    """Return the norm of the interpolation of this input, with torch's own weights in float64 or float32.

    Which value a place is next to is a quotient that torch rounds in the dtype of its inputs, so that one value may be
    copied once more in the one than in the other, and weights differ on long axes. The layer has no dtype of its own:
    the bounds hold for either. Bicubic interpolation, which torch has of two axes alone, is taken along one beside an
    axis of a single value.
    """
    if not 2 <= len(input_shape) <= 4:
        raise InputError(f"{type(layer).__name__} takes no input of shape {input_shape}: channels and 1 to 3 sizes")
    outputs = output_shape(layer, input_shape)[1:]
    if _is_copy(layer, input_shape):
        return exactly(1.0, "each value once")
    norms = []
    for axis, (size, outcome) in enumerate(zip(input_shape[1:], outputs, strict=True)):
        if size * outcome > _ENTRIES:
            raise NoRuleError(
                f"{type(layer).__name__} from {size} to {outcome} values along an axis: too long a matrix"
            )
        norms.append(_either([_weights(layer, axis, size, dtype) for dtype in (torch.float64, torch.float32)]))
    return product(norms, "norm of the interpolation along each axis")


def _is_copy(layer: nn.Upsample, input_shape: tuple[int, ...]) -> bool:
    """Return whether the values come out as they went in, as from torch for next values where no size changes."""
    if not layer.mode.startswith("nearest") or output_shape(layer, input_shape) != input_shape:
        return False
    places = torch.arange(math.prod(input_shape[1:])).reshape(1, 1, *input_shape[1:])
    return all(torch.equal(layer(places.to(dtype)), places.to(dtype)) for dtype in (torch.float64, torch.float32))


def _either(matrices: list[torch.Tensor]) -> Bound:
    """Return the bound that holds for each of ``matrices``; of one, where they are equal."""
    first, *rest = matrices
    bounds = [linear_norm(first), *(linear_norm(other) for other in rest if not torch.equal(first, other.to(first)))]
    widest = max(bounds, key=lambda bound: bound.upper)
    return replace(widest, lower=min(bound.lower for bound in bounds))


def _weights(layer: nn.Upsample, axis: int, size: int, dtype: torch.dtype) -> torch.Tensor:
    """Return the matrix (outputs, size) along one axis: torch's answer to each unit vector of the ``dtype``."""
    mode = _ALONG_ONE_AXIS.get(layer.mode, layer.mode)
    wanted = layer.size[axis] if isinstance(layer.size, tuple | list) else layer.size
    scale = layer.scale_factor[axis] if isinstance(layer.scale_factor, tuple | list) else layer.scale_factor
    units = torch.eye(size, dtype=dtype)[:, None]
    beside = mode == "bicubic"
    answers = F.interpolate(
        units[..., None] if beside else units,
        size=wanted if wanted is None or not beside else (wanted, 1),
        scale_factor=scale if scale is None or not beside else (scale, 1.0),
        mode=mode,
        align_corners=layer.align_corners,
        recompute_scale_factor=layer.recompute_scale_factor,
    )
    return answers.flatten(1).T


UPSAMPLING: dict[type[nn.Module], Callable[[Any, tuple[int, ...]], Bound]] = {
    nn.Upsample: _upsampled,
    nn.UpsamplingNearest2d: _upsampled,
    nn.UpsamplingBilinear2d: _upsampled,
}
"""What each kind of layer's rule is."""
