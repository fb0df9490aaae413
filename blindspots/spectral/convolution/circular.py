"""An upper bound for zero padding at one input size: the circular norm on a grid whose frequencies are shifted."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from blindspots.spectral.convolution.lag_kernel import LagKernel
from blindspots.spectral.convolution.peak import Peak, half_grid, largest
from blindspots.spectral.matrix.semidefinite import proved

_MARGIN = 1e-7


@dataclass(frozen=True)
class Grid:
    """The frequencies ``(j + shift) / points`` of each axis, in turns; a shift is 0 or 1/2."""

    points: tuple[int, ...]
    shifts: tuple[float, ...]

    def __str__(self) -> str:
        size = "x".join(str(count) for count in self.points)
        return size + (f" shifted by {'x'.join(f'{shift:g}' for shift in self.shifts)}" if any(self.shifts) else "")


def best_grid(peak: Peak, least: Sequence[int]) -> Grid:
    """Return the grid of at least ``least`` points an axis on which the spectrum seems lowest.

    Let T multiply the signal at place x by ``e^{i theta x}``. A convolution A has the norm of ``T A T^{-1}``, and that
    is a convolution with the kernel times ``e^{i theta t}``, whose spectrum is A's shifted by theta. So every shift of
    every grid that is large enough (:attr:`Axis.coarse_grid`) bounds the norm, and the best has the spectrum's peaks
    midway between its points. With a shift of half a step, as with none, the grid holds each frequency's negative,
    where a real kernel has its other peak.
    """
    options = []
    for axis, count in enumerate(least):
        if not peak.model.degree[axis]:
            options.append([(1, 0.0)])  # the spectrum is constant along the axis
            continue
        # how far the peak lies from the nearest point (j + shift) / points, in turns: the farther, the lower the bound
        away = {
            (points, shift): abs((float(peak.frequency[axis]) * points - shift + 0.5) % 1 - 0.5) / points
            for points in range(count, count + 4)
            for shift in (0.0, 0.5)
        }
        near = sorted(away, key=lambda option: -away[option])[:2]
        options.append(list(dict.fromkeys([*near, (count, 0.5)])))
    grids = [Grid(*zip(*each, strict=True)) for each in itertools.product(*options)]
    heights = [float(_near_peak(peak, grid).max()) for grid in grids]
    return grids[min(range(len(grids)), key=heights.__getitem__)]


def grid_norm_squared(lags: LagKernel, peak: Peak, grid: Grid) -> float:
    """Return a proved upper bound of G's largest eigenvalue over the frequencies of ``grid``, and over the groups.

    The largest is estimated first, and exceeded by 1e-7 of it; a Cholesky factorisation at every frequency proves the
    result (:func:`.proved`). Where one fails the eigenvalues are found, and proved.
    """
    # the circular convolution is block diagonal in Fourier's basis: its norm is the largest of the blocks' norms
    frequencies = half_grid(list(grid.points), lags.lags, grid.shifts)
    limit = _estimate(lags, peak, frequencies) * (1 + _MARGIN) + 4 * lags.error
    each = lags.at_once
    for chunk in frequencies.split(each):
        matrices = lags.spectrum(chunk).flatten(0, 1)
        while True:
            failed = ~proved(matrices, limit, error=lags.error)
            if not bool(failed.any()):
                break
            matrices = matrices[failed]
            highest = float(torch.linalg.eigvalsh(matrices).max())
            limit = max(highest, limit) * (1 + _MARGIN) + 4 * lags.error
    return limit


def _estimate(lags: LagKernel, peak: Peak, frequencies: torch.Tensor) -> float:
    """Return about the largest eigenvalue over ``frequencies``: those at which the model is highest, in full."""
    heights = largest(peak.model, frequencies)
    top = heights.flatten().topk(min(4, heights.numel())).indices.tolist()
    if lags.side == peak.model.side:
        return float(heights.max())
    values = []
    for index in top:
        where, group = divmod(index, lags.groups)
        values.append(torch.linalg.eigvalsh(lags.spectrum(frequencies[[where]], [group])[0, 0])[-1])
    return float(torch.stack(values).max())


def _near_peak(peak: Peak, grid: Grid) -> torch.Tensor:
    """Return the model's largest eigenvalues on a grid, or around the peak alone where the grid is large."""
    frequencies = half_grid(list(grid.points), peak.model.lags, grid.shifts)
    most = max(64, peak.model.at_once // 64)
    if len(frequencies) > most:
        away = frequencies - peak.frequency
        mirrored = frequencies + peak.frequency
        distance = torch.minimum(*((each - each.round()).square().sum(1) for each in (away, mirrored)))
        frequencies = frequencies[distance.topk(most, largest=False).indices]
    return largest(peak.model, frequencies)
