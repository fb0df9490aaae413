"""The nearest point of a half-space inside the box, for many rows at once."""

import torch

from blindspots.distortion.rows import dot, inside, take

_STEPS = 60


def project(
    origin: torch.Tensor, normal: torch.Tensor, *, level: torch.Tensor, multiplier: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the points nearest to ``origin`` in ``{y: normal . y >= level}`` and [0, 1]^m, and their multipliers.

    By duality ``y = clip(origin + mu * normal)`` with the least ``mu >= 0`` that reaches the level. The level reached
    rises with mu, is concave and piecewise linear (a value once clipped stays clipped), so Newton's iteration from
    the left ends in finitely many steps and from the right lands on the left after one.

    ``origin``, ``normal``: (n, m), the origin in [0, 1]; ``level``: (n,); ``multiplier``: (n,), a guess. Where no point
    of the box reaches the level, the multiplier is infinite and the point is the last one tried.
    """
    squares = dot(normal, normal)
    tiny = torch.finfo(origin.dtype).tiny
    missing = (level - dot(normal, origin)).clamp_min(0)
    least = missing / squares.clamp_min(tiny)  # never above the solution
    mu = least if multiplier is None else torch.where(torch.isfinite(multiplier), multiplier, least).maximum(least)
    mu = torch.where(missing > 0, mu, 0)
    tolerance = 16 * torch.finfo(origin.dtype).eps
    near = tolerance * squares.sqrt()  # a distance of so many roundings
    points = torch.empty_like(origin)
    result = mu.clone()
    rows: torch.Tensor | None = None  # those still moving; None for all
    for step in range(_STEPS):
        # with y(mu) = clip(x + mu a): to the level b there is b - a . y(mu) missing; as mu rises it falls by the sum of
        # a_j^2 over the values that are not clipped
        free = torch.addcmul(origin, normal, mu[:, None])
        point = free.clamp(0, 1)
        short = level - dot(normal, point)
        slope = dot(inside(normal, free), normal)
        if rows is None:
            points = point
        else:
            points.index_copy_(0, rows, point)
        newton = mu + short / slope.clamp_min(tiny)
        blocked = torch.where(short > 0, torch.inf, mu if step else least)  # nothing is free to move
        following = torch.where(slope > 0, newton, blocked).maximum(least)
        moving = (missing > 0) & torch.isfinite(following) & (short.abs() > near)
        moving &= (following - mu).abs() > tolerance * mu
        settled = torch.where((missing > 0) & (following == torch.inf), following, mu)
        if rows is None:
            result = settled
        else:
            result[rows] = settled
        if not moving.any():
            break
        if moving.sum() <= 0.8 * len(moving):
            keep = moving.nonzero()[:, 0]
            rows = keep if rows is None else rows[keep]
            origin, normal, level, least, missing, near = (
                take(v, keep) for v in (origin, normal, level, least, missing, near)
            )
            mu = following[keep]
        else:
            mu = torch.where(moving, following, mu)
    return points, result
