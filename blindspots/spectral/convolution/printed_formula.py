"""Equation (1) of the paper on a grid: as printed, and with the normaliser that dense matrices agree with (slip
"equation (1)")."""

import math
from collections.abc import Sequence
from typing import Literal

import torch

from blindspots.arguments import of_numpy_too
from blindspots.device import rows_at_once
from blindspots.errors import InputError
from blindspots.spectral.convolution.geometry import checked_kernel, each
from blindspots.spectral.matrix.values import plain_arithmetic

_ARRAYS = 8
"""Of real values: complex matrices, and what their decomposition works in."""


@of_numpy_too
def equation_one(
    weight: torch.Tensor,
    *,
    grid: Sequence[int],
    stride: int | Sequence[int] = 1,
    groups: int = 1,
    form: Literal["printed", "corrected"] = "corrected",
) -> float:
    """Return the largest norm of the paper's matrices A(xi) over the frequencies of a grid, and over the groups.

    ``weight``: (out, in / groups, \\*kernel); ``grid``: the signal's period N in each axis, which the stride divides.
    The columns of A(xi) are the kernel's Fourier transform, with ``2 pi i u.xi / N``, at xi and at its aliases, a block
    for each. ``form = "corrected"`` divides them by the root of the stride in each axis, in the paper's two dimensions
    by the stride, which gives the norm of the circular convolution; ``form = "printed"`` divides by the stride in each
    axis, in two dimensions by its square. This is a number for comparison: no bound of a layer with zero padding unless
    the grid is large enough (slip "input grid"), and not moved for rounding.

    Raises:
        InputError: naming the argument that doesn't fit.
    """
    kernel = checked_kernel(weight, groups)
    dims = kernel.dim() - 2
    points, strides = each("grid", grid, dims, least=1), each("stride", stride, dims, least=1)
    if any(count % step for count, step in zip(points, strides, strict=True)):
        raise InputError(f"grid = {points}: multiples of stride {strides} are needed")
    if form not in ("printed", "corrected"):
        raise InputError(f"form = {form!r}: 'printed' or 'corrected' is needed")
    with plain_arithmetic(torch.float64):
        transformed = _transform(kernel.double().unflatten(0, (groups, -1)), points)
        for axis, (count, step) in enumerate(zip(points, strides, strict=True)):
            # frequency a * N / stride + j is alias a of the coarse frequency j
            transformed = transformed.unflatten(3 + 2 * axis, (step, count // step))
        aliases, coarse = [3 + 2 * axis for axis in range(dims)], [4 + 2 * axis for axis in range(dims)]
        matrices = transformed.permute(0, *coarse, 1, 2, *aliases).flatten(3 + dims).flatten(2 + dims).flatten(0, dims)
        at_once = rows_at_once(matrices[0].numel(), arrays=_ARRAYS)
        norms = [torch.linalg.matrix_norm(some, 2).max() for some in matrices.split(at_once)]
        normaliser = float(math.prod(strides))
        return float(torch.stack(norms).max()) / (math.sqrt(normaliser) if form == "corrected" else normaliser)


def _transform(kernel: torch.Tensor, points: tuple[int, ...]) -> torch.Tensor:
    """Return the Fourier transform (groups, out, in, \\*points), kernels longer than the period wrapping around."""
    result = kernel.to(torch.complex128)
    for axis, count in enumerate(points):
        taps = torch.arange(kernel.shape[3 + axis], device=kernel.device)
        turns = torch.outer(taps, torch.arange(count, device=kernel.device)) % count
        wave = torch.exp(-2j * math.pi * turns.double() / count)
        result = torch.movedim(torch.tensordot(result, wave, dims=([3 + axis], [0])), -1, 3 + axis)
    return result
