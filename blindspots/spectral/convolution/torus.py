"""The supremum over all frequencies, so over all input sizes: cells that M. Riesz' inequality closes, or that split."""

import itertools
import math

import torch

from blindspots.spectral.convolution.lag_kernel import LagKernel
from blindspots.spectral.convolution.peak import Peak, largest
from blindspots.spectral.matrix.semidefinite import proved

_CLOSE = 1e-4
_CELLS = 2000
_WORK = 1e10


def torus_norm_squared(lags: LagKernel, peak: Peak) -> float:
    """Return a proved upper bound of G's largest eigenvalue over all frequencies, 1e-4 above the peak where it can be.

    For a unit vector v, ``p(f) = v' G(f) v`` is a trigonometric polynomial of degree q_a in axis a, at least 0 and
    at most S, the supremum. Let it reach S at f*. Along a line from there it is of exponential type, and M. Riesz'
    inequality (for such functions by Duffin and Schaeffer) gives ``p(f) >= S cos^2(pi sum_a q_a |f_a - f*_a|)``, f in
    turns, as long as the cosine's angle is at most pi / 2. So if cells cover the torus, and in each the largest
    eigenvalue at the middle is at most ``limit cos^2(pi sum_a q_a h_a)``, h its half widths, then ``S <= limit``. On a
    uniform grid this is the slip "input grid"'s certificate for all sizes, with the cosine of a sum for the product of
    cosines; here only the cells near the peaks are split. A spectrum that is as high almost everywhere would need too
    many cells: the limit then rises, until few enough are left.
    """
    cells, halves = _cover(lags)
    most = max(2 * len(cells), int(min(_CELLS, _WORK / (lags.groups * lags.side**3))))
    limit = peak.value * (1 + _CLOSE) + 4 * lags.error
    while len(cells):
        # closed is a cell whose middle has at most limit * factor: a maximum above the limit would leave more there
        factor = _riesz(lags, halves)
        heights = largest(peak.model, cells).amax(1)  # from below
        limit = max(limit, _closing(heights, most) / factor + 8 * lags.error)
        cells = cells[_open(lags, cells, heights, limit * factor)]
        if len(cells) > most:  # the model is too low: the eigenvalues in full
            heights = largest(lags, cells).amax(1)
            limit = max(limit, _closing(heights, most) / factor + 8 * lags.error)
            cells = cells[_open(lags, cells, heights, limit * factor)]
        cells, halves = _split(cells, halves, lags.degree)
    return limit


def _cover(lags: LagKernel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the middles (cells, axes) and the half widths (axes,) of a first cover of half the torus, in turns."""
    moving = sum(degree > 0 for degree in lags.degree)
    counts = [2 * moving * degree if degree else 1 for degree in lags.degree]
    axes = [(torch.arange(count, dtype=torch.float64, device=lags.lags.device) + 0.5) / count for count in counts]
    first = next((axis for axis, degree in enumerate(lags.degree) if degree), 0)
    axes[first] = axes[first][axes[first] <= 0.5]  # the other half has the same eigenvalues
    halves = [0.5 / count if degree else 0.0 for count, degree in zip(counts, lags.degree, strict=True)]
    cells = torch.cartesian_prod(*axes).reshape(-1, len(counts))
    return cells, torch.tensor(halves, dtype=torch.float64, device=cells.device)


def _closing(heights: torch.Tensor, most: int) -> float:
    """Return the height that all but ``most`` of the cells keep to, a little raised; 0 where there are no more."""
    return float(heights.kthvalue(len(heights) - most).values) * (1 + 1e-9) if len(heights) > most else 0.0


def _riesz(lags: LagKernel, halves: torch.Tensor) -> float:
    """Return what part of a maximum somewhere in a cell is left in its middle at the least."""
    degree = torch.tensor(lags.degree, dtype=torch.float64, device=halves.device)
    return math.cos(math.pi * float((degree * halves).sum()) * (1 + 1e-12)) ** 2 * (1 - 1e-12)


def _open(lags: LagKernel, cells: torch.Tensor, heights: torch.Tensor, allowed: float) -> torch.Tensor:
    """Return which cells aren't proved to have no more than ``allowed`` in the middle; the heights are from below."""
    open_cells = heights > allowed - 4 * lags.error
    each = lags.at_once
    for chunk in (~open_cells).nonzero()[:, 0].split(each):
        open_cells[chunk] = ~proved(lags.spectrum(cells[chunk]), allowed, error=lags.error).all(1)
    return open_cells


def _split(cells: torch.Tensor, halves: torch.Tensor, degree: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the cells halved along every axis in which the spectrum changes, and their half widths."""
    sides = [(-0.5, 0.5) if each else (0.0,) for each in degree]
    steps = torch.tensor(list(itertools.product(*sides)), dtype=torch.float64, device=cells.device) * halves
    return (cells[:, None] + steps).flatten(0, 1), halves / 2
