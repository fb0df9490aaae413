"""Operator norms of the layers that hold a matrix or a kernel."""

from collections.abc import Callable
from typing import Any

from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.convolution.norm import conv_norm, conv_transpose_norm
from blindspots.spectral.matrix.bound import Bound, NoRuleError
from blindspots.spectral.matrix.norm import linear_norm
from blindspots.spectral.rules.layer_inputs import check_channels, per_axis, spatial_sizes

_CONVOLUTIONS: dict[type[nn.Module], int] = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
_TRANSPOSED: dict[type[nn.Module], int] = {nn.ConvTranspose1d: 1, nn.ConvTranspose2d: 2, nn.ConvTranspose3d: 3}


def _linear(layer: nn.Linear, input_shape: tuple[int, ...]) -> Bound:
    """Return the weight's largest singular value, along whichever other axes the layer is applied as well."""
    wanted = layer.weight.shape[-1]
    if input_shape[-1] != wanted:
        raise InputError(f"Linear takes no input of shape {input_shape}: {wanted} values are wanted at its end")
    return linear_norm(layer.weight)


def _convolution(layer: nn.Conv2d, input_shape: tuple[int, ...]) -> Bound:
    sizes = spatial_sizes(layer, input_shape, _CONVOLUTIONS[type(layer)])
    check_channels(layer, input_shape, layer.weight.shape[1] * layer.groups)
    if layer.padding_mode != "zeros" and list(layer._reversed_padding_repeated_twice) != _added(layer):
        raise NoRuleError(
            f"{type(layer).__name__}: its padding was changed to {layer.padding!r} after it was made, and with "
            f"padding_mode {layer.padding_mode!r} torch goes on with what it was made with"
        )
    return conv_norm(
        layer.weight,
        input_size=sizes,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        padding_mode=layer.padding_mode,
    )


def _added(layer: nn.Conv2d) -> list[int]:
    """Return what the padding comes to before and behind along each axis, the last axis first, as torch keeps it."""
    if not isinstance(layer.padding, str):
        margins = per_axis(layer.padding, layer.weight.dim() - 2)
        return [margin for each in reversed(margins) for margin in (each, each)]
    if layer.padding == "valid":
        return [0, 0] * (layer.weight.dim() - 2)
    apart = per_axis(layer.dilation, layer.weight.dim() - 2)
    reach = [gap * (taps - 1) for gap, taps in zip(apart, layer.weight.shape[2:], strict=True)]
    return [margin for total in reversed(reach) for margin in (total // 2, total - total // 2)]


def _transposed(layer: nn.ConvTranspose2d, input_shape: tuple[int, ...]) -> Bound:
    sizes = spatial_sizes(layer, input_shape, _TRANSPOSED[type(layer)])
    check_channels(layer, input_shape, len(layer.weight))
    assert not isinstance(layer.padding, str)  # torch takes names of convolutions alone
    return conv_transpose_norm(
        layer.weight,
        input_size=sizes,
        stride=layer.stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation=layer.dilation,
        groups=layer.groups,
    )


WEIGHTED: dict[type[nn.Module], Callable[[Any, tuple[int, ...]], Bound]] = {
    nn.Linear: _linear,
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
    **dict.fromkeys(_TRANSPOSED, _transposed),
}
"""What each kind of layer's rule is."""
