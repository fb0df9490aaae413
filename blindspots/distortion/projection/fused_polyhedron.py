"""The fused path of the projection onto several half-spaces: one row after another, its normals in the cache."""

import numpy as np
import torch

from blindspots.compiled import compiled, inlined
from blindspots.distortion.projection.polyhedron import STEPS, SWEEPS, HalfSpaces


def fused_project_onto_all(
    origin: torch.Tensor,
    half_spaces: HalfSpaces,
    *,
    multipliers: torch.Tensor | None = None,
    accuracy: float = 0,
    sweeps: int = SWEEPS,
) -> tuple[torch.Tensor, torch.Tensor]:
    """As :func:`.project_onto_all` does, the Gram matrix of active normals alone."""
    normals, levels = half_spaces
    start = torch.zeros_like(levels) if multipliers is None else multipliers
    points, result = torch.empty_like(origin), start.contiguous().clone()
    _project_rows(
        origin.contiguous().numpy(), normals.contiguous().numpy(), levels.contiguous().numpy(), result.numpy(),
        points.numpy(), STEPS, sweeps, accuracy,
    )  # fmt: skip
    return points, result


@inlined
def _copy(source, target):  # type: ignore[no-untyped-def]
    """Copy a row. Value by value: numba takes two seconds to compile what ``target[:] = source`` may mean."""
    for j in range(target.size):
        target[j] = source[j]


@compiled
def _project_rows(origin, normals, levels, multipliers, points, steps, sweeps, accuracy):  # type: ignore[no-untyped-def]
    """Project every row; ``multipliers`` (n, c), a guess, and ``points`` (n, m) are overwritten.

    The dual ``D(lambda) = |y - x|^2 / 2 + lambda . (levels - normals y)`` with ``y = clip(x + normals' lambda)`` is
    maximised over lambda >= 0 by projected Newton steps, with normals scaled to length 1: ``missing`` is its gradient,
    minus the Gram matrix of what is not clipped of the normals its Hessian.
    """
    count, size = levels.shape[1], origin.shape[1]
    of = origin.dtype.type
    zero, one, eps = of(0), of(1), of(np.finfo(origin.dtype).eps)
    norm, level = np.empty(count, origin.dtype), np.empty(count, origin.dtype)
    trial, held, step = np.empty(count, origin.dtype), np.empty(count, origin.dtype), np.empty(count, origin.dtype)
    missing, active = np.empty(count, origin.dtype), np.empty(count, np.int64)
    gram = np.empty((count, count), origin.dtype)
    point, clear = np.empty(size, origin.dtype), np.empty(size, origin.dtype)
    for i in range(len(origin)):
        x, normal = origin[i], normals[i]
        for k in range(count):
            square = zero
            for j in range(size):
                square += normal[k, j] * normal[k, j]
            norm[k] = max(np.sqrt(square), of(np.finfo(origin.dtype).tiny))
            level[k] = levels[i, k] / norm[k]
            trial[k] = multipliers[i, k] * norm[k]
            held[k] = trial[k]
        _copy(x, points[i])
        value = of(-np.inf)
        for _ in range(steps):
            _copy(x, point)  # y(lambda) before it is clipped
            for k in range(count):
                if trial[k] != zero:
                    scale = trial[k] / norm[k]
                    for j in range(size):
                        point[j] += scale * normal[k, j]
            reached = zero
            for j in range(size):
                free = point[j]
                clear[j] = one if zero < free < one else zero
                point[j] = min(max(free, zero), one)
                reached += (point[j] - x[j]) * (point[j] - x[j])
            enough = max(16 * eps, of(accuracy) * np.sqrt(reached))
            reached /= 2
            # the gradient, the dual's value, and what is wrong with the optimality conditions: a level missed, or
            # passed by a half-space that pulls
            wrong = zero
            for k in range(count):
                product = zero
                for j in range(size):
                    product += normal[k, j] * point[j]
                missing[k] = level[k] - product / norm[k]
                reached += trial[k] * missing[k]
                wrong = max(wrong, abs(missing[k]) if trial[k] > zero else missing[k])
            # the dual rose, but for rounding: keep the step, and make the next
            if reached >= value - 16 * eps * (one + abs(reached)):
                _copy(trial, held)
                value = reached
                _copy(point, points[i])
                for k in range(count):
                    multipliers[i, k] = trial[k] / norm[k]
                if wrong <= enough:
                    break
                some = 0
                for k in range(count):
                    step[k] = zero
                    if trial[k] > zero or missing[k] > zero:
                        active[some] = k
                        some += 1
                # the Gram matrix of the half-spaces that pull or should, over the values that are not clipped
                for a in range(some):
                    for b in range(a + 1):
                        product = zero
                        first, second = active[a], active[b]
                        for j in range(size):
                            product += normal[first, j] * clear[j] * normal[second, j]
                        product /= norm[first] * norm[second]
                        gram[a, b], gram[b, a] = product, product
                # the quadratic model's maximum over lambda + step >= 0 by coordinate sweeps (Gauss and Seidel)
                for _ in range(sweeps):
                    for a in range(some):
                        rest = missing[active[a]]
                        for b in range(some):
                            if b != a:
                                rest -= gram[a, b] * step[active[b]]
                        # normals have length 1; one that is clipped away must not divide
                        step[active[a]] = max(rest / (gram[a, a] + of(1e-6)), -trial[active[a]])
                for k in range(count):
                    trial[k] += step[k]
            else:  # the model was wrong about what is clipped: halve the step
                for k in range(count):
                    trial[k] = (trial[k] + held[k]) / 2
