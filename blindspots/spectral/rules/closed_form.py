"""Bounds of constants that are known in closed form: both sides one number, up to rounding."""

import math
import sys
from collections.abc import Iterable
from functools import reduce

from blindspots.spectral.matrix.bound import Bound, times

_UNIT = sys.float_info.epsilon


def exactly(value: float, method: str) -> Bound:
    """Return the bound of a constant that is ``value`` itself, with nothing rounded."""
    return Bound(value, value, method)


def rounded(value: float, method: str, *, operations: int = 8) -> Bound:
    """Return the bound of a constant that ``value`` is but for rounding, in so many operations of half a unit each.

    The two sides are that many whole units apart from ``value``: twice what rounding allows.
    """
    if 0 < value < sys.float_info.min / _UNIT:  # near the least float64, rounding is no share of the value any more
        return Bound(0.0, value * (1 + operations * _UNIT) + sys.float_info.min, method)
    return Bound(value * (1 - operations * _UNIT), value * (1 + operations * _UNIT), method)


def root(count: int, method: str) -> Bound:
    """Return the bound of a constant that is ``sqrt(count)``, without any rounding for a square."""
    whole = math.isqrt(count)
    return exactly(float(whole), method) if whole * whole == count else rounded(math.sqrt(count), method)


def product(bounds: Iterable[Bound], method: str) -> Bound:
    """Return the bound of the product of constants, as of the Kronecker product of matrices."""
    factors = list(bounds)
    lower, upper = math.prod(bound.lower for bound in factors), reduce(times, (bound.upper for bound in factors), 1.0)
    slack = len(factors) * _UNIT
    return Bound(lower * (1 - slack), upper * (1 + slack), method, max(bound.residual for bound in factors))


def scaled(bound: Bound, factor: float, method: str) -> Bound:
    """Return the bound of ``factor >= 0``, itself the outcome of up to four operations, times a constant."""
    slack = 8 * _UNIT
    lower = bound.lower * factor * (1 - slack)
    return Bound(lower, times(bound.upper, factor) * (1 + slack), method, bound.residual)
