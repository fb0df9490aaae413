"""How far a layer can spread two inputs apart: bounds of its Lipschitz constant in Euclidean norms (section 4.3)."""

import math

import torch
from torch import nn

from blindspots.networks.fully_connected import FullyConnected

_ROUNDED_UP = 1 + 1e-9
_CONSTANT: dict[type[nn.Module], float] = {nn.Sigmoid: 0.25, nn.Tanh: 1.0, nn.ReLU: 1.0, nn.Flatten: 1.0}
_KEPT = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def unrolled(model: nn.Module) -> list[nn.Module] | None:
    """Return the layers that ``model`` runs through in order in evaluation mode, or None where that isn't known.

    Known are :class:`torch.nn.Sequential`, nested or not, the package's own ``FullyConnected``, and a layer by itself.
    Dropout and identities do nothing and are left out. A module with hooks or a forward pass of its own is unknown.
    """
    if not _plain(model):
        return None
    if type(model) is FullyConnected:
        return unrolled(model.layers)
    if type(model) is not nn.Sequential:
        return [] if type(model) in _KEPT else [model]
    result: list[nn.Module] = []
    for part in model:
        layers = unrolled(part)
        if layers is None:
            return None
        result += layers
    return result


def contraction(layer: nn.Module) -> float | None:
    """Return L such that ``|layer(x) - layer(y)| <= L |x - y|`` for all x and y in evaluation mode; None if unknown.

    A sigmoid: 1/4 (slip 11). Linear and convolution layers: the operator norm of their weights, or a bound of it.
    Pooling: no value lies in more than N windows; the largest of a window changes by at most the norm of the window's
    change, so that L is ``sqrt(N)``, and an average over a window's K values by at most ``1 / sqrt(K)`` of it. Batch
    normalisation by running statistics: the largest factor of a channel. Any other layer, a subclass, hooks,
    convolutions with other padding than zeros and batch normalisation without running statistics: None.

    Norms are taken in float64 and rounded up.
    """
    if not _plain(layer):
        return None
    kind = type(layer)
    if kind is nn.Flatten:
        return 1.0 if (layer.start_dim, layer.end_dim) == (1, -1) else None
    if kind in _CONSTANT:
        return _CONSTANT[kind]
    if isinstance(layer, nn.LeakyReLU) and kind is nn.LeakyReLU:
        return max(1.0, abs(layer.negative_slope))
    if isinstance(layer, nn.Linear) and kind is nn.Linear:
        return spectral_norm(layer.weight)
    if isinstance(layer, nn.Conv2d) and kind is nn.Conv2d:
        return _convolution(layer) if layer.padding_mode == "zeros" else None
    if isinstance(layer, nn.MaxPool2d) and kind is nn.MaxPool2d:
        return None if layer.return_indices else math.sqrt(_windows(layer)) * _ROUNDED_UP
    if isinstance(layer, nn.AvgPool2d) and kind is nn.AvgPool2d:
        return _average(layer)
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and kind in (nn.BatchNorm1d, nn.BatchNorm2d):
        return None if layer.running_var is None else float(channel_factors(layer).abs().max()) * _ROUNDED_UP
    return None


def spectral_norm(matrix: torch.Tensor) -> float:
    """Return the largest singular value of ``matrix`` (a, b), rounded up.

    From the eigenvalues of the smaller Gram matrix, which are wrong by no more than rounding allows: an inner product
    of b terms by b units of rounding of its absolute terms, an eigenvalue by a few a units of the matrix's norm.
    """
    values = matrix.detach().double()
    small = values if values.shape[0] <= values.shape[1] else values.T
    square = float(torch.linalg.eigvalsh(small @ small.T)[-1])
    error = (10 * small.shape[0] + small.shape[1]) * torch.finfo(torch.float64).eps * float(values.square().sum())
    return math.sqrt(max(square, 0.0) + error) * _ROUNDED_UP


def channel_factors(layer: nn.BatchNorm1d | nn.BatchNorm2d) -> torch.Tensor:
    """Return what batch normalisation multiplies each channel by (c,), in float64, from its running variance."""
    assert layer.running_var is not None
    factor = (layer.running_var.detach().double() + layer.eps).rsqrt()
    return factor if layer.weight is None else factor * layer.weight.detach().double()


def _plain(module: nn.Module) -> bool:
    return not (module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


def _convolution(layer: nn.Conv2d) -> float:
    """Return the lesser of two bounds of a convolution's operator norm, each the largest over the groups.

    The outputs at one place are the kernel, as a matrix, times one window of the padded image, and no value lies in
    more than N windows: ``||kernel|| sqrt(N)``. And Schur's test: the root of the largest absolute row sum (an output's
    window) times the largest absolute column sum. Only those taps t of the kernel meet the same input value that agree
    in ``dilation * t`` modulo the stride, so that the column sums go over each of these classes apart.
    """
    kernels = layer.weight.detach().double().unflatten(0, (layer.groups, -1))  # (groups, out, in, height, width)
    windows = math.prod(_overlap(*sizes) for sizes in zip(layer.kernel_size, layer.stride, layer.dilation, strict=True))
    by_windows = max(spectral_norm(kernel.flatten(1)) for kernel in kernels) * math.sqrt(windows)
    size = kernels.abs()
    rows = size.sum(dim=(2, 3, 4)).amax()
    down, across = (_period(stride, dilation) for stride, dilation in zip(layer.stride, layer.dilation, strict=True))
    columns = max(
        size[..., row::down, column::across].sum(dim=(1, 3, 4)).amax()
        for row in range(min(down, layer.kernel_size[0]))
        for column in range(min(across, layer.kernel_size[1]))
    )
    return min(by_windows, math.sqrt(float(rows * columns))) * _ROUNDED_UP


def _windows(layer: nn.MaxPool2d | nn.AvgPool2d) -> int:
    """Return the largest number of windows that one value lies in."""
    dilation = layer.dilation if isinstance(layer, nn.MaxPool2d) else 1
    sizes = (_pair(layer.kernel_size), _pair(layer.stride), _pair(dilation))
    return math.prod(_overlap(*of_one) for of_one in zip(*sizes, strict=True))


def _average(layer: nn.AvgPool2d) -> float:
    """Return the constant of an average, whose divisor is less than the window at borders unless padding counts."""
    values = math.prod(_pair(layer.kernel_size))
    if layer.divisor_override:
        per_window = math.sqrt(values) / abs(layer.divisor_override)
    else:
        whole = not layer.ceil_mode and (layer.count_include_pad or not any(_pair(layer.padding)))
        per_window = 1 / math.sqrt(values) if whole else 1.0
    return math.sqrt(_windows(layer)) * per_window * _ROUNDED_UP


def _overlap(kernel: int, stride: int, dilation: int) -> int:
    """Return how many windows one value lies in at most: the taps t for which ``dilation * t`` agrees modulo stride."""
    return math.ceil(kernel / _period(stride, dilation))


def _period(stride: int, dilation: int) -> int:
    return stride // math.gcd(stride, dilation)


def _pair(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else tuple(size)
