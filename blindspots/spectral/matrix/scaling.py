"""Weights scaled by a power of two, which is exact, so that no square overflows or vanishes; and norms scaled back."""

import math

import torch

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound

ZERO = Bound(0.0, 0.0, "zero")
"""What is known of a map that is zero."""


def exponent_of(values: torch.Tensor) -> int | None:
    """Return the exponent of two of the largest absolute value, at most 1000 either way; None where all are zero."""
    largest = float(values.abs().max()) if values.numel() else 0.0
    return max(-1000, min(1000, math.frexp(largest)[1])) if largest else None


def scaled_back(bound: Bound, exponent: int) -> Bound:
    """Return ``bound`` times two to the ``exponent``, outwards if that rounds.

    Raises:
        InputError: if the norm is no finite float64.
    """
    if bound.upper == 0:
        return bound
    try:
        lower = math.ldexp(bound.lower, exponent)
        upper = math.ldexp(bound.upper, exponent)
    except OverflowError:
        raise InputError("weight has values so large that the norm exceeds the largest float64") from None
    return Bound(math.nextafter(lower, 0.0), math.nextafter(upper, math.inf), bound.method, bound.residual)
