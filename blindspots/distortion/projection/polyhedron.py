"""The nearest point of several half-spaces inside the box, for many rows at once."""

from typing import NamedTuple

import torch

from blindspots.distortion.rows import inside, take

STEPS = 25
SWEEPS = 10
_RIDGE = 1e-6
"""Added to a Gram matrix's diagonal: normals have length 1, and one that is clipped away must not divide."""
_FEW = 4096
"""Rows up to which a GPU takes longer to start the steps of all sweeps than a CPU to do them."""


class HalfSpaces(NamedTuple):
    """The polyhedra ``{y: normals[i, c] . y >= levels[i, c] for all c}`` of n rows."""

    normals: torch.Tensor
    """(n, c, m)."""
    levels: torch.Tensor
    """(n, c)."""


def project_onto_all(
    origin: torch.Tensor,
    half_spaces: HalfSpaces,
    *,
    multipliers: torch.Tensor | None = None,
    accuracy: float = 0,
    sweeps: int = SWEEPS,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the points nearest to ``origin`` in their ``half_spaces`` and [0, 1]^m, and the multipliers.

    By duality ``y = clip(origin + sum_c lambda_c normals_c)`` with the multipliers lambda >= 0 that maximise the
    concave dual ``|y - origin|^2 / 2 + lambda . (levels - normals y)``. Its gradient is what is missing to the levels;
    its (generalised) Hessian is the normals' Gram matrix over the values that are not clipped. Each step maximises that
    quadratic model over lambda >= 0 by coordinate sweeps, and is halved where the dual falls.

    ``origin``: (n, m) in [0, 1]; ``multipliers``: (n, c), a guess. The levels are met as far as the steps allow: who
    calls checks. ``accuracy``: the share of the way by which a level may be missed. ``sweeps``: of a quadratic model,
    more where normals are nearly parallel.
    """
    normals, levels = half_spaces
    norms = normals.norm(dim=2).clamp_min(torch.finfo(origin.dtype).tiny)
    directions, levels = normals / norms[:, :, None], levels / norms
    start = torch.zeros_like(levels) if multipliers is None else multipliers * norms
    points, result = origin.clone(), start.clone()
    rows = torch.arange(len(origin), device=origin.device)
    trial, held = start.clone(), start.clone()
    value = torch.full_like(levels[:, 0], -torch.inf)
    eps = torch.finfo(origin.dtype).eps
    for _ in range(STEPS):
        # y(lambda), the dual's gradient and its value there
        moved = (trial[:, None] @ directions)[:, 0] + origin
        point = moved.clamp(0, 1)
        missing = levels - (point[:, None] @ directions.transpose(1, 2))[:, 0]
        offset = point - origin
        reached = offset.square().sum(dim=1) / 2 + (trial * missing).sum(dim=1)
        risen = reached >= value - 16 * eps * (1 + reached.abs())
        held = torch.where(risen[:, None], trial, held)
        value = torch.where(risen, reached, value)
        up = risen.nonzero()[:, 0]
        points.index_copy_(0, take(rows, up), take(point, up))
        result.index_copy_(0, take(rows, up), take(trial, up))
        wrong = torch.where(trial > 0, missing.abs(), missing.clamp_min(0)).amax(dim=1)
        done = risen & (wrong <= (accuracy * offset.norm(dim=1)).clamp_min(16 * eps))
        # minus the Hessian: the Gram matrix over the values that are not clipped
        clear = inside(directions, moved[:, None].expand_as(directions))
        step = _quadratic(clear @ directions.transpose(1, 2), missing, trial, sweeps=sweeps)
        trial = torch.where(risen[:, None], trial + step, (trial + held) / 2)
        if done.all():
            break
        if done.any():
            keep = (~done).nonzero()[:, 0]
            origin, directions, levels, rows = (take(v, keep) for v in (origin, directions, levels, rows))
            trial, held, value = (take(v, keep) for v in (trial, held, value))
    return points, result / norms


def _quadratic(gram: torch.Tensor, missing: torch.Tensor, multipliers: torch.Tensor, *, sweeps: int) -> torch.Tensor:
    """Return the step d that maximises ``missing . d - d' gram d / 2`` over ``multipliers + d >= 0``, (n, c).

    By coordinate sweeps, with the rows last so that every operation is on contiguous memory.
    """
    if gram.is_cuda and len(gram) <= _FEW:  # a handful of numbers a row, and hundreds of steps one after another
        from blindspots.distortion.projection.fused_sweeps import swept

        return swept(gram.cpu(), missing.cpu(), multipliers.cpu(), sweeps=sweeps, ridge=_RIDGE).to(gram.device)
    diagonal = gram.diagonal(dim1=1, dim2=2) + _RIDGE
    scaled = (gram / diagonal[:, :, None]).permute(1, 2, 0).contiguous()
    count = missing.shape[1]
    scaled[range(count), range(count)] = 0
    wanted, lowest = (missing / diagonal).T.contiguous(), (-multipliers).T.contiguous()
    step = torch.zeros_like(wanted)
    for _ in range(sweeps):
        for column in range(count):
            step[column] = (wanted[column] - (scaled[column] * step).sum(dim=0)).maximum(lowest[column])
    return step.T
