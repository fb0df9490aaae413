"""The least distance to a polyhedron by methods that end in finitely many steps, however degenerate that is.

The least ``|s|`` with ``G s >= h`` is a problem of non-negative least squares (Lawson and Hanson 1974, "Solving least
squares problems", chapter 23, "LDP"): with u >= 0 that makes ``E u - f`` least, where ``E = [G'; h']`` and
``f = (0, ..., 0, 1)``, and r what is left of it, ``s = -r_1 / r_2``. Where nothing is left, u proves that there is no
such s (Farkas). The box is 2 m of the half-spaces.

Where half-spaces meet in less than a volume, as at a point at which all classes of a model without biases tie, rounding
alone can leave nothing of them. So the levels are first eased a little, the half-spaces and sides of the box that hold
the step there are told, the step is put exactly onto those, and the multipliers are what makes it up: least squares
once more.
"""

import numpy as np
import torch

EASED, _ACTIVE = 1e-9, 1e-6
"""By how much levels are eased, and how near a half-space is that holds the step: shares of the largest level."""
_NOTHING = 1e-11
"""What is left of a vector of length 1 and counts as nothing."""


def least_step(
    origin: torch.Tensor, normals: torch.Tensor, gaps: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, bool] | None:
    """Return the shortest step (m,) with ``normals s >= gaps`` in the box, the multipliers (c,), and if there is one.

    ``origin``: (m,) in [0, 1]; ``normals``: (c, m), of length 1 or 0; ``gaps``: (c,). All float64. Where there is no
    step, the multipliers prove it. None where a method does not end. How good it is, who calls is to check.
    """
    start, sides, levels = (value.cpu().numpy() for value in (origin, normals, gaps))
    scale = max(float(np.abs(levels).max()), np.finfo(float).tiny)
    try:
        step, proof = _eased(start, sides, levels - EASED * scale, scale)
        if step is None:
            return torch.zeros_like(origin), torch.from_numpy(proof).to(normals), False
        step, multipliers = _held(start, sides, levels, step, near=_ACTIVE * scale)
    except RuntimeError:  # too many steps
        return None
    return torch.from_numpy(step).to(origin), torch.from_numpy(multipliers).to(normals), True


def _eased(
    start: np.ndarray, sides: np.ndarray, levels: np.ndarray, scale: float
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the shortest step, or None, and the multipliers (c,) by Lawson and Hanson's method."""
    from scipy.optimize import nnls  # a third of a second, where it is wanted

    unit, count = np.eye(len(start)), len(levels)
    everything = np.concatenate([levels, -start, start - 1]) / scale  # so that the step is of the order of 1
    system = np.vstack([np.concatenate([sides, unit, -unit]).T, everything])
    goal = np.append(np.zeros(len(start)), 1.0)
    found, _ = nnls(system, goal, maxiter=10 * system.shape[1])
    left = system @ found - goal
    if np.linalg.norm(left) <= _NOTHING or left[-1] >= 0:
        return None, found[:count] / scale
    return np.clip(scale * left[:-1] / -left[-1], -start, 1 - start), found[:count] * (scale / -left[-1])


def _held(
    start: np.ndarray, sides: np.ndarray, levels: np.ndarray, step: np.ndarray, *, near: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the step that lies on all that holds ``step``, and the multipliers (c,) that make it up."""
    from scipy.optimize import nnls

    low, high, active = step + start <= near, 1 - start - step <= near, sides @ step - levels <= near
    step = np.where(low, -start, np.where(high, 1 - start, 0.0))
    free = ~(low | high)
    rest = levels[active] - sides[active] @ step
    step[free] = np.linalg.lstsq(sides[active][:, free], rest, rcond=1e-10)[0]
    # at a side of the box the normals may pull farther than the step goes
    unit = np.eye(len(start))
    system = np.concatenate([sides[active], unit[low], -unit[high]]).T
    multipliers = np.zeros(len(levels))
    multipliers[active] = nnls(system, step, maxiter=10 * max(system.shape[1], 1))[0][: int(active.sum())]
    return step, multipliers
