"""The largest eigenvalue of a symmetric operator from below, by Lanczos' method with thick restarts."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

_STALL = 16


@dataclass(frozen=True)
class Eigenpair:
    """An approximate largest eigenvalue, its unit vector in the start's shape, and the residual relative to it."""

    value: float
    vector: torch.Tensor
    residual: float
    applications: int


def top_eigenpair(
    apply: Callable[[torch.Tensor], torch.Tensor],
    start: torch.Tensor,
    *,
    tolerance: float,
    enough: float = math.inf,
    least: int = 1,
    most: int = 300,
    basis: int = 32,
) -> Eigenpair:
    """Return the largest eigenpair of a positive semidefinite ``apply``, from the Krylov space of ``start``.

    It stops where ``|B v - value v| <= tolerance * value``, after ``least`` applications at the least, or ``most``, or
    where the value is ``enough``, or where 16 applications have raised it by less than a fiftieth of ``tolerance``. The
    basis is kept orthogonal by two passes of Gram and Schmidt, and holds ``basis`` vectors; when it is full it is
    restarted from a third of its Ritz vectors (Wu and Simon 2000). The projection is kept whole instead of as an arrow
    and a band: its columns are the passes' coefficients.

    Names: B is ``apply``, the rows of ``vectors`` are the Krylov basis V, of which ``used`` count, and the projection
    is ``T = V B V'``. T's largest eigenvalue is the Ritz value ``value``, with the eigenvector s and the Ritz vector
    ``x = V' s``. As ``B V' = V' T + beta v e'``, with v the next vector and e the last unit vector, ``|B x - value x|``
    is beta times the last entry of s.
    """
    shape, size = start.shape, start.numel()
    basis = max(2, min(basis, size))
    vectors = start.new_zeros(basis + 1, size)
    projection = torch.zeros(basis, basis, dtype=torch.float64)
    norm = float(start.norm())
    if not norm > 0:
        return Eigenpair(0.0, start, 0.0, 0)
    vectors[0] = start.reshape(-1) / norm
    used = 0
    history: list[float] = []
    for count in range(1, most + 1):
        image = apply(vectors[used].view(shape)).reshape(-1)  # B v_j
        # T's column j is V B v_j; the rest of B v_j is orthogonal to V, and would be the next vector: twice is enough
        known = vectors[: used + 1]
        column = known @ image
        rest = image - column @ known
        again = known @ rest
        rest -= again @ known
        column = (column + again).double().cpu()
        projection[: used + 1, used] = column
        projection[used, : used + 1] = column
        beyond = float(rest.norm())  # beta
        used += 1
        values, ritz = torch.linalg.eigh(projection[:used, :used])
        value = float(values[-1])
        residual = beyond * abs(float(ritz[-1, -1])) / value if value > 0 else 0.0
        exhausted = beyond <= 4 * torch.finfo(start.dtype).eps * abs(value) or used == size
        history.append(value)
        stalled = count > _STALL and value - history[-1 - _STALL] <= tolerance / 50 * value
        done = (residual <= tolerance and count >= least) or value >= enough or stalled
        if done or exhausted or count == most:
            break
        if used == basis:
            # thick restart: the best Ritz vectors become the basis, in which T is diagonal; the next vector, orthogonal
            # to all of them, goes behind them
            kept = max(1, basis // 3)
            turn = ritz[:, -kept:].to(start)
            vectors[:kept] = turn.T @ vectors[:used]
            projection.zero_()
            projection.diagonal()[:kept] = values[-kept:]
            used = kept
        vectors[used] = rest / beyond
    vector = ritz[:, -1].to(start) @ vectors[:used]
    return Eigenpair(max(value, 0.0), (vector / vector.norm()).view(shape), residual, count)
