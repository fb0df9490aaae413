"""The operator norm of a convolution estimated, in a fraction of the time that both bounds take."""

import math
from collections.abc import Sequence

import torch

from blindspots.arguments import of_numpy_too
from blindspots.spectral.convolution.geometry import checked_kernel, conv_geometry
from blindspots.spectral.convolution.lag_kernel import lag_kernel, polyphase
from blindspots.spectral.convolution.lower import absolute_size, lower_bound, reached
from blindspots.spectral.convolution.operator import ConvOperator
from blindspots.spectral.convolution.peak import spectral_peak
from blindspots.spectral.matrix.bound import Bound
from blindspots.spectral.matrix.scaling import ZERO, exponent_of, scaled_back
from blindspots.spectral.matrix.values import checked_tolerance, plain_arithmetic

_CHEAP_SIDE = 128


@of_numpy_too
def conv_norm_estimate(
    weight: torch.Tensor,
    *,
    input_size: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    tolerance: float = 1e-3,
) -> Bound:
    """Return the norm of a convolution from below alone, mostly within ``tolerance``, fast: ``upper`` is infinite.

    Arguments as of :func:`blindspots.spectral.convolution.norm.conv_norm`. Lanczos' method ends at a residual of ``0.3
    sqrt(tolerance)``. Its square over the gap to the next singular value is the error, and nothing proves that gap. It
    starts at the circular convolution's peak where the spectrum's matrices are small, and from noise otherwise.

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
    with plain_arithmetic(torch.float64):
        exponent = exponent_of(kernel)
        if exponent is None:
            return ZERO
        operator = ConvOperator(kernel.double() * 2.0**-exponent, geometry)
        residual = 0.3 * math.sqrt(tolerance)
        of_grid = polyphase(operator.weight, geometry.stride, geometry.dilation, geometry.groups)
        if min(of_grid.matrices.shape[2:]) <= _CHEAP_SIDE:
            peak = spectral_peak(lag_kernel(of_grid))
            low = lower_bound(operator, of_grid, peak, extension=geometry.extension, upper=math.inf, tolerance=residual)
        else:
            random = torch.Generator().manual_seed(1)
            noise = torch.randn(operator.output_shape, generator=random, device="cpu", dtype=torch.float32)
            low = reached(operator, noise.to(operator.weight), absolute_size(of_grid, operator), tolerance=residual)
    return scaled_back(Bound(low.lower, math.inf, "Lanczos", low.residual), exponent)
