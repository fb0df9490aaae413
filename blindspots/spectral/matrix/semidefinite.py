"""Proofs that no eigenvalue exceeds a number: a Cholesky factorisation that succeeds (Rump 2006)."""

import torch

UNIT = torch.finfo(torch.float64).eps / 2
"""The unit of rounding of float64."""


def proved(matrices: torch.Tensor, limit: float, *, error: float) -> torch.Tensor:
    """Return for which of ``matrices`` (..., n, n) it is proved that no eigenvalue of the true one exceeds ``limit``.

    ``matrices`` are Hermitian and positive semidefinite up to ``error``, in float64 or complex128; only their lower
    triangles are read. ``error`` bounds how far each lies from the true matrix, in the spectral norm.

    If the factorisation of H runs through, the factors' product differs from H by no more than ``g |L||L*|``, entry by
    entry, with g = (n + 1) u in real arithmetic for sums in any order (Higham 2002, theorem 10.3), so that H's least
    eigenvalue is at least ``-g tr(H) / (1 - g)`` (Rump 2006). A complex product costs up to four times as much. So
    ``H = shift - G`` with ``limit = shift (1 + 8 n (n + 8) u) + 2 error`` and a few units proves the claim, as tr(H) is
    at most ``n (shift + error)``.
    """
    side = matrices.shape[-1]
    relative = rounding(side)
    shift = (limit * (1 - 4 * UNIT) - 2 * error) / (1 + relative)
    if not shift > 0:
        return torch.zeros(matrices.shape[:-2], dtype=torch.bool, device=matrices.device)
    if side == 1:
        return matrices[..., 0, 0].real <= shift
    # H = shift - G: if its factorisation runs through, no eigenvalue of G exceeds the shift, but for rounding
    below = matrices.neg()
    below.diagonal(dim1=-2, dim2=-1).add_(shift)
    factors, failed = torch.linalg.cholesky_ex(below)
    least = factors.diagonal(dim1=-2, dim2=-1).real.amin(-1)  # NaN or infinity prove nothing
    holds: torch.Tensor = (failed == 0) & (least > 0) & torch.isfinite(least)
    return holds


def rounding(side: int) -> float:
    """Return what a proof costs, relative to the limit, with matrices of ``side`` rows."""
    return 8 * side * (side + 8) * UNIT
