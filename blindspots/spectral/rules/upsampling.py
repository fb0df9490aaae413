"""Norms of upsampling, which is linear: of the matrix along each axis, whose Kronecker product it is."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound, NoRuleError
from blindspots.spectral.matrix.norm import linear_norm
from blindspots.spectral.rules.closed_form import product
from blindspots.spectral.rules.layer_inputs import output_shape

_ENTRIES = 1 << 22
"""Of the largest matrix that is written out."""
_ALONG_ONE_AXIS = {"linear": "linear", "bilinear": "linear", "trilinear": "linear", "bicubic": "bicubic"}


def _upsampled(layer: nn.Upsample, input_shape: tuple[int, ...]) -> Bound:
    """Return the norm of the interpolation of this input, with torch's own weights in float64.

    Bicubic interpolation, which torch has of two axes alone, is taken along one beside an axis of a single value.
    """
    if not 2 <= len(input_shape) <= 4:
        raise InputError(f"{type(layer).__name__} takes no input of shape {input_shape}: channels and 1 to 3 sizes")
    outputs = output_shape(layer, input_shape)[1:]
    norms = []
    for axis, (size, outcome) in enumerate(zip(input_shape[1:], outputs, strict=True)):
        if size * outcome > _ENTRIES:
            raise NoRuleError(
                f"{type(layer).__name__} from {size} to {outcome} values along an axis: too long a matrix"
            )
        norms.append(linear_norm(_weights(layer, axis, size)))
    return product(norms, "norm of the interpolation along each axis")


def _weights(layer: nn.Upsample, axis: int, size: int) -> torch.Tensor:
    """Return the matrix (outputs, size) along one axis: torch's answer to each unit vector."""
    mode = _ALONG_ONE_AXIS.get(layer.mode, layer.mode)
    wanted = layer.size[axis] if isinstance(layer.size, tuple | list) else layer.size
    scale = layer.scale_factor[axis] if isinstance(layer.scale_factor, tuple | list) else layer.scale_factor
    units = torch.eye(size, dtype=torch.float64)[:, None]
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
