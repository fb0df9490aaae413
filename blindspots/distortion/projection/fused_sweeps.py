"""The fused path of the coordinate sweeps over small quadratic models (Gauss and Seidel): one row after another."""

import numpy as np
import torch

from blindspots.compiled import compiled


def swept(
    gram: torch.Tensor, missing: torch.Tensor, multipliers: torch.Tensor, *, sweeps: int, ridge: float
) -> torch.Tensor:
    """Return the step d that maximises ``missing . d - d' gram d / 2`` over ``multipliers + d >= 0``, (n, c).

    ``gram``: (n, c, c); ``missing``, ``multipliers``: (n, c); ``ridge``: added to the diagonal.
    """
    arrays = [each.contiguous().numpy() for each in (gram, missing, multipliers)]
    return torch.from_numpy(_sweep_rows(*arrays, sweeps, ridge))


@compiled
def _sweep_rows(gram, missing, multipliers, sweeps, ridge):  # type: ignore[no-untyped-def]
    """Return the steps (n, c)."""
    count = missing.shape[1]
    steps = np.zeros_like(missing)
    added = gram.dtype.type(ridge)
    for i in range(len(missing)):
        for _ in range(sweeps):
            for a in range(count):
                rest = missing[i, a]
                for b in range(count):
                    if b != a:
                        rest -= gram[i, a, b] * steps[i, b]
                steps[i, a] = max(rest / (gram[i, a, a] + added), -multipliers[i, a])
    return steps
