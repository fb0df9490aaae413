"""The modules that calls of torch's functions stand for: of each, one that takes the function's own arguments.

They do all that the call does, biases included: proofs evaluate them in its place. The walk holds each against it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from blindspots.spectral.matrix.bound import NoRuleError

Weight = torch.Tensor | None


def _linear(weight: torch.Tensor, bias: Weight = None) -> nn.Module:
    if weight.dim() != 2:
        raise NoRuleError(f"a product with a constant of shape {tuple(weight.shape)} has no rule, only one of two axes")
    return _with(nn.Linear(weight.shape[1], len(weight), bias=False, device="meta"), weight=weight, bias=bias)


def _matmul(other: torch.Tensor) -> nn.Module:
    return _linear(other.mT)


def _convolution(kind: Any) -> Callable[..., nn.Module]:
    def build(
        weight: torch.Tensor,
        bias: Weight = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> nn.Module:
        sizes: Any = (weight.shape[1] * groups, len(weight), tuple(weight.shape[2:]))
        return _with(
            kind(*sizes, stride, padding, dilation, groups, bias=False, device="meta"), weight=weight, bias=bias
        )

    return build


def _transposed(kind: Any) -> Callable[..., nn.Module]:
    def build(
        weight: torch.Tensor,
        bias: Weight = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> nn.Module:
        sizes: Any = (len(weight), weight.shape[1] * groups, tuple(weight.shape[2:]))
        made = kind(*sizes, stride, padding, output_padding, groups, False, dilation, device="meta")
        return _with(made, weight=weight, bias=bias)

    return build


def _with(module: nn.Module, **parameters: Weight) -> nn.Module:
    """Return the module with these parameters, or without those that are None."""
    for name, values in parameters.items():
        module._parameters[name] = None if values is None else nn.Parameter(values.detach(), requires_grad=False)
    return module


def _max_pool(kind: Any) -> Callable[..., nn.Module]:
    def build(
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> nn.Module:
        made: nn.Module = kind(kernel_size, stride or None, padding, dilation, return_indices, ceil_mode)
        return made

    return build


def _dropout(kind: type[nn.Module]) -> Callable[..., nn.Module]:
    def build(p: float = 0.5, training: bool = True, inplace: bool = False) -> nn.Module:
        if training:
            raise NoRuleError("a dropout called with training=True, its default, drops values in evaluation mode too")
        return kind()

    return build


def _softmax(kind: Callable[[int], nn.Module]) -> Callable[..., nn.Module]:
    def build(dim: int | None = None, _stacklevel: int = 3, dtype: torch.dtype | None = None) -> nn.Module:
        if dim is None:
            raise NoRuleError("a softmax without dim has no rule: name the dim")
        return kind(dim)

    return build


def _prelu(weight: torch.Tensor) -> nn.Module:
    return _with(nn.PReLU(weight.numel()), weight=weight)


def _layer_norm(
    normalized_shape: Any, weight: Weight = None, bias: Weight = None, eps: float = 1e-5, cudnn_enable: bool = True
) -> nn.Module:
    return _with(nn.LayerNorm(normalized_shape, eps, elementwise_affine=False), weight=weight, bias=bias)


def _rms_norm(normalized_shape: Any, weight: Weight = None, eps: float | None = None) -> nn.Module:
    return _with(nn.RMSNorm(normalized_shape, eps, elementwise_affine=False), weight=weight)


def _group_norm(
    shape: tuple[int, ...],
    num_groups: int,
    weight: Weight = None,
    bias: Weight = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> nn.Module:
    return _with(nn.GroupNorm(num_groups, shape[0], eps, affine=False), weight=weight, bias=bias)


def _batch_norm(
    shape: tuple[int, ...],
    running_mean: Weight,
    running_var: Weight,
    weight: Weight = None,
    bias: Weight = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> nn.Module:
    if training or running_var is None:
        raise NoRuleError("a batch norm by the batch's own statistics mixes the inputs of a batch: no rule")
    kinds: tuple[Any, ...] = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    made = kinds[len(shape) - 1](shape[0], eps, affine=False)
    made.running_mean, made.running_var = running_mean, running_var
    return _with(made, weight=weight, bias=bias)


def _instance_norm(
    shape: tuple[int, ...],
    running_mean: Weight = None,
    running_var: Weight = None,
    weight: Weight = None,
    bias: Weight = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> nn.Module:
    kinds: tuple[Any, ...] = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
    made = kinds[len(shape) - 2](shape[0], eps, affine=False, track_running_stats=not use_input_stats)
    if not use_input_stats:
        made.running_mean, made.running_var = running_mean, running_var
    return _with(made, weight=weight, bias=bias)


def _pad(pad: Any, mode: str = "constant", value: float | None = None) -> nn.Module:
    pad = tuple(pad)
    if mode == "constant":
        by_size: dict[int, Any] = {2: nn.ConstantPad1d, 4: nn.ConstantPad2d, 6: nn.ConstantPad3d}
        made: nn.Module = by_size[len(pad)](pad, value or 0.0)
        return made
    kinds = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}
    made = getattr(nn, f"{kinds[mode]}{len(pad) // 2}d")(pad)
    return made


def _upsample(
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> nn.Module:
    if antialias:
        raise NoRuleError("an interpolation with antialias=True has no rule")
    return nn.Upsample(size, scale_factor, mode, align_corners, recompute_scale_factor)


ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "celu": nn.CELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "hardtanh": nn.Hardtanh,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "threshold": nn.Threshold,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}
"""Functions that may work in place, by an argument or by a name that ends in an underscore."""

BY_SHAPE: dict[str, Callable[..., nn.Module]] = {
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
}
"""Those of which the module asks for the number of channels, or its class is by the number of axes."""
CALLS: dict[str, Callable[..., nn.Module]] = {
    "linear": _linear,
    "matmul": _matmul,
    "mm": _matmul,
    "conv1d": _convolution(nn.Conv1d),
    "conv2d": _convolution(nn.Conv2d),
    "conv3d": _convolution(nn.Conv3d),
    "conv_transpose1d": _transposed(nn.ConvTranspose1d),
    "conv_transpose2d": _transposed(nn.ConvTranspose2d),
    "conv_transpose3d": _transposed(nn.ConvTranspose3d),
    "max_pool1d": _max_pool(nn.MaxPool1d),
    "max_pool2d": _max_pool(nn.MaxPool2d),
    "max_pool3d": _max_pool(nn.MaxPool3d),
    "avg_pool1d": nn.AvgPool1d,
    "avg_pool2d": nn.AvgPool2d,
    "avg_pool3d": nn.AvgPool3d,
    "lp_pool1d": nn.LPPool1d,
    "lp_pool2d": nn.LPPool2d,
    "lp_pool3d": nn.LPPool3d,
    "adaptive_avg_pool1d": nn.AdaptiveAvgPool1d,
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d,
    "adaptive_avg_pool3d": nn.AdaptiveAvgPool3d,
    "adaptive_max_pool1d": nn.AdaptiveMaxPool1d,
    "adaptive_max_pool2d": nn.AdaptiveMaxPool2d,
    "adaptive_max_pool3d": nn.AdaptiveMaxPool3d,
    "im2col": nn.Unfold,
    "prelu": _prelu,
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
    "logsigmoid": nn.LogSigmoid,
    "softsign": nn.Softsign,
    "softshrink": nn.Softshrink,
    "hardshrink": nn.Hardshrink,
    "tanhshrink": nn.Tanhshrink,
    "softmax": _softmax(nn.Softmax),
    "softmin": _softmax(nn.Softmin),
    "log_softmax": _softmax(nn.LogSoftmax),
    "dropout": _dropout(nn.Dropout),
    "dropout1d": _dropout(nn.Dropout1d),
    "dropout2d": _dropout(nn.Dropout2d),
    "dropout3d": _dropout(nn.Dropout3d),
    "alpha_dropout": _dropout(nn.AlphaDropout),
    "feature_alpha_dropout": _dropout(nn.FeatureAlphaDropout),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "local_response_norm": nn.LocalResponseNorm,
    "pad": _pad,
    "interpolate": _upsample,
    "upsample": _upsample,
}
"""The other functions; those that have a module's own arguments in the module's own order are its class."""
