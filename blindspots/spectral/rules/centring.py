"""The norm of taking the mean off and scaling each value: what a layer norm does to inputs that hardly vary."""

import math

import torch

from blindspots.spectral.matrix.bound import Bound
from blindspots.spectral.rules.closed_form import exactly, rounded

_METHOD = "secular equation"
_UNIT = torch.finfo(torch.float64).eps


def centred_norm(scales: torch.Tensor, repeats: int = 1) -> Bound:
    """Return ``||diag(g) (I - 11'/n)||`` for the n factors g: the ``scales`` (k,) float64, each ``repeats`` times.

    Its square is the largest eigenvalue of P G^2 P, with P the centring. Where the largest |g| comes twice it is that
    |g|, with the difference of the two unit vectors. Elsewhere (Golub 1973) it is ``g_1^2 (1 - m)`` with m the least
    root of ``sum over i > 1 of m / (d_i - m) = 1``, where ``d_i = 1 - g_i^2 / g_1^2``. The sum rises with m and is 1 or
    more at d_2 / 2, so that no difference in it loses more than one bit, and the root lies between those m where the
    sum, as evaluated, differs from 1 by what rounding can change it: n units and a few. A squared ratio that is wrong
    by some units changes the eigenvalue by no more of its own.
    """
    size = scales.numel() * repeats
    sizes = scales.abs().flatten().sort(descending=True).values
    largest = float(sizes[0])
    if size == 1 or largest == 0:
        return exactly(0.0, "the mean is all there is" if size == 1 else "zero")
    if repeats > 1 or float(sizes[1]) == largest:
        return exactly(largest, "largest factor")
    gaps = 1 - (sizes[1:] / largest).square()
    doubt = (size + 20) * _UNIT
    below, above = _crossing(gaps, 1 - doubt)[0], _crossing(gaps, 1 + doubt)[1]
    lower, upper = (rounded(largest * math.sqrt(1 - root), _METHOD, operations=12) for root in (above, below))
    return Bound(lower.lower, upper.upper, _METHOD)


def _crossing(gaps: torch.Tensor, target: float) -> tuple[float, float]:
    """Return neighbouring m in [0, d_2 / 2] between which the sum, which rises, comes to ``target`` or more."""
    below, above = 0.0, float(gaps[0]) / 2
    while below < (middle := (below + above) / 2) < above:
        reached = float((middle / (gaps - middle)).sum()) >= target
        below, above = (below, middle) if reached else (middle, above)
    return below, above
