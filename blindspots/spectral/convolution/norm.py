"""The operator norm of a convolution with its stride, its padding and its input's size, from both sides."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from blindspots.arguments import of_numpy_too
from blindspots.spectral.convolution.circular import Grid, best_grid, grid_norm_squared
from blindspots.spectral.convolution.geometry import (
    Geometry,
    checked_kernel,
    conv_geometry,
    each,
    taps,
    transposed_geometry,
)
from blindspots.spectral.convolution.lag_kernel import LagKernel, Polyphase, lag_kernel, polyphase
from blindspots.spectral.convolution.lower import lower_bound
from blindspots.spectral.convolution.operator import ConvOperator
from blindspots.spectral.convolution.peak import Peak, spectral_peak
from blindspots.spectral.convolution.torus import torus_norm_squared
from blindspots.spectral.matrix.bound import Bound
from blindspots.spectral.matrix.norm import dense_norm
from blindspots.spectral.matrix.scaling import ZERO, exponent_of, scaled_back
from blindspots.spectral.matrix.semidefinite import UNIT
from blindspots.spectral.matrix.values import checked_tolerance, plain_arithmetic

DENSE = 2**20
"""The most entries of a dense matrix that is formed to find both sides at once."""
_GRID_WORK = 1e12


@dataclass(frozen=True)
class _Spectrum:
    kernel: Polyphase
    lags: LagKernel
    peak: Peak


@of_numpy_too
def conv_norm(
    weight: torch.Tensor,
    *,
    input_size: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    tolerance: float = 1e-4,
    dense: int = DENSE,
) -> Bound:
    """Return bounds of the norm of a convolution on inputs (in, \\*input_size), section 4.3, with torch's arguments.

    ``weight``: (out, in / groups, \\*kernel), one to three dimensions. Unlike the paper's, the bounds are those of the
    layer itself, at its size and with its padding (slips "equation (1)" and "input grid"). Where the layer's dense
    matrix has at most ``dense`` entries both sides come from it, tight to about 1e-9. Otherwise:

    - ``upper``, for zero padding, is the circular norm on a grid of shifted frequencies large enough that nothing wraps
      (:mod:`blindspots.spectral.convolution.circular`), or on large inputs the supremum over all sizes
      (:mod:`.torus`). Circular padding with a stride that divides the size has the circular
      norm itself. Other padding is zero padding of nothing after an extension, whose norm is the root of how often it
      repeats one value.
    - ``lower`` is reached by an input found by Lanczos' method on the layer, which stops once the residual is at most
      ``tolerance``, or ``lower`` within that part of ``upper``.

    All is rigorous in spite of rounding: computed in float64 and moved outwards by a bound of the error.

    Raises:
        InputError: naming the argument that doesn't fit, or weights that aren't finite.
    """
    kernel = checked_kernel(weight, groups)
    geometry = conv_geometry(
        kernel.shape[2:],
        input_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        padding_mode=padding_mode,
    )
    checked_tolerance(tolerance)
    return _norm(kernel, geometry, tolerance, dense)


@of_numpy_too
def conv_transpose_norm(
    weight: torch.Tensor,
    *,
    input_size: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    tolerance: float = 1e-4,
    dense: int = DENSE,
) -> Bound:
    """Return bounds of the norm of a transposed convolution on inputs (in, \\*input_size), with torch's arguments.

    ``weight``: (in, out / groups, \\*kernel). It is the adjoint of a convolution from its outputs to its inputs, and
    has that one's norm: see :func:`conv_norm`.

    Raises:
        InputError: naming the argument that doesn't fit, or weights that aren't finite.
    """
    kernel = checked_kernel(weight, groups)
    geometry = transposed_geometry(
        kernel.shape[2:],
        input_size,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        groups=groups,
    )
    checked_tolerance(tolerance)
    return _norm(kernel, geometry, tolerance, dense)


@of_numpy_too
def conv_norm_all_sizes(
    weight: torch.Tensor, *, stride: int | Sequence[int] = 1, dilation: int | Sequence[int] = 1, groups: int = 1
) -> Bound:
    """Return bounds of the supremum of a zero-padded convolution's norms over all input sizes (slip "input grid").

    It is the supremum over all frequencies, whatever the padding: ``lower`` is its value at one of them, which large
    enough inputs approach, and ``upper`` is proved (:func:`blindspots.spectral.convolution.torus.torus_norm_squared`).

    Raises:
        InputError: naming the argument that doesn't fit, or weights that aren't finite.
    """
    kernel = checked_kernel(weight, groups)
    dims = kernel.dim() - 2
    strides = each("stride", stride, dims, least=1)
    dilations = each("dilation", dilation, dims, least=1)
    with plain_arithmetic(torch.float64):
        exponent = exponent_of(kernel)
        if exponent is None:
            return ZERO
        found = _spectrum(kernel.double() * 2.0**-exponent, strides, dilations, groups)
        upper = _root(torus_norm_squared(found.lags, found.peak))
        # the computed eigenvalue is a Rayleigh quotient up to a few units of rounding for each row
        slack = found.lags.error + 16 * found.lags.side * UNIT * found.peak.value
        lower = math.sqrt(max(found.peak.value - 2 * slack, 0.0)) * (1 - 4 * UNIT)
    return scaled_back(Bound(lower, upper, "all frequencies: cells by Riesz' inequality"), exponent)


def _norm(kernel: torch.Tensor, geometry: Geometry, tolerance: float, dense: int) -> Bound:
    with plain_arithmetic(torch.float64):
        exponent = exponent_of(kernel)
        if exponent is None:
            return ZERO
        operator = ConvOperator(kernel.double() * 2.0**-exponent, geometry)
        found = _dense(operator) if operator.dense_size <= dense else _sparse(operator, tolerance)
    return scaled_back(found, exponent)


def _dense(operator: ConvOperator) -> Bound:
    """Return the bounds of the dense matrix.

    Its entries are weights, exactly, but where padding repeats values an entry is a sum of up to as many weights as
    there are taps: wrong by that many units of rounding of at most the root of that many times the weights' norm.
    """
    found = dense_norm(operator.dense())
    if operator.geometry.mode == "zeros":
        return Bound(found.lower, found.upper, "dense matrix", found.residual)
    count = taps(operator.weight.shape[2:])
    outputs = math.prod(operator.geometry.output_size)
    error = 2 * count * UNIT * math.sqrt(count * outputs) * float(operator.weight.norm())
    return Bound(max(found.lower - error, 0.0), found.upper + error, "dense matrix", found.residual)


def _sparse(operator: ConvOperator, tolerance: float) -> Bound:
    geometry = operator.geometry
    kernel = operator.weight
    if geometry.mode == "zeros":
        for index, axis in enumerate(geometry.axes):
            read = torch.tensor(axis.read_taps, dtype=kernel.dtype, device=kernel.device)
            kernel = kernel * read.view(-1, *(1 for _ in geometry.axes[index + 1 :]))
        if not bool(kernel.any()):
            return ZERO
    # from above by the spectrum alone; from below by the layer itself, from where the spectrum is highest
    found = _spectrum(kernel, geometry.stride, geometry.dilation, geometry.groups)
    factor, grid, method = _upper_rule(found, geometry)
    square = (
        torus_norm_squared(found.lags, found.peak) if grid is None else grid_norm_squared(found.lags, found.peak, grid)
    )
    upper = _root(square) * factor
    low = lower_bound(operator, found.kernel, found.peak, extension=factor, upper=upper, tolerance=tolerance)
    return Bound(min(low.lower, upper), upper, f"{method}; Lanczos", low.residual)


def _upper_rule(found: _Spectrum, geometry: Geometry) -> tuple[float, Grid | None, str]:
    """Return what the spectrum's norm is to be multiplied by, the grid it is to be taken on, and both in words.

    No grid: all frequencies, where a grid that is large enough has too many.
    """
    axes = geometry.axes
    if geometry.mode == "circular" and all(axis.size % axis.stride == 0 for axis in axes):
        points = tuple(axis.size // axis.stride for axis in axes)
        repeated = math.prod(-(-axis.outputs // count) for axis, count in zip(axes, points, strict=True))
        grid = Grid(points, (0.0,) * len(axes))
        if repeated == 1:
            return 1.0, grid, f"circular on {grid}"
        return math.sqrt(repeated) * (1 + 4 * UNIT), grid, f"circular on {grid}, outputs repeated {repeated} times"
    # zero padding: a part of every circular convolution that is large enough; other padding: the same of the padded
    # input, times the norm of padding it
    factor, rule = 1.0, ""
    if geometry.mode != "zeros":
        factor, rule = geometry.extension, f", inputs repeated {geometry.repeats} times"
        axes = tuple(axis.extended for axis in axes)
    grid = best_grid(found.peak, [axis.coarse_grid for axis in axes])
    work = found.lags.groups * math.prod(grid.points) / 2 * found.lags.side**2
    work *= 4 * (found.lags.side + len(found.lags.lags))
    if work > _GRID_WORK:
        return factor, None, f"all frequencies{rule}"
    return factor, grid, f"grid {grid}{rule}"


def _spectrum(kernel: torch.Tensor, stride: tuple[int, ...], dilation: tuple[int, ...], groups: int) -> _Spectrum:
    of_grid = polyphase(kernel, stride, dilation, groups)
    lags = lag_kernel(of_grid)
    return _Spectrum(of_grid, lags, spectral_peak(lags))


def _root(square: float) -> float:
    return math.sqrt(square) * (1 + 4 * UNIT)
