"""The least distortion to one class among many: shorter and shorter ways to a boundary, one normal at a time.

:mod:`.refinement` holds the boundaries to several rivals at once and linearises each of them anew in every round: nine
gradients a round, which for ten classes are all that there are. Classifiers of a thousand classes have boundaries so
curved that the nearest point of the linearised one falls short of it, round after round, and nothing is gained. So here
a round asks for one gradient, that of the target's lead over its strongest rival, and finds out along a line how far
the boundary is, with passes that need no gradient:

1. From the image x towards the best point y the lead rises through 0: the boundary is drawn back to along that line, by
   the secant and by bisection in turn.
2. At that point the lead is linearised, and x projected onto the half-space beyond, as in sequential projection. The
   line from x is turned towards that projection, by a share that is halved whenever the boundary is no nearer there.

Where the lead at the projection is what it was linearised to be, the boundary is flat: such rows are left to
:mod:`.refinement`, which is exact there.
"""

from typing import NamedTuple

import torch

from blindspots.distortion.problem import Problem
from blindspots.distortion.projection.boundary import enough, margin
from blindspots.distortion.projection.polyhedron import HalfSpaces
from blindspots.distortion.row_work import RowWork
from blindspots.distortion.rows import take
from blindspots.models.classifier import contrast, difference, worst_lead

FROM_CLASSES = 11
"""With fewer, :mod:`.refinement` holds the boundaries to all rivals at once."""
_STEPS = 2
"""Passes that look for the boundary on a line, once a point beyond it is known."""
_ROUNDS = 12
_FIRST_SHARE, _LEAST_SHARE = 0.5, 0.1
"""Of the way to the projection that a line is turned by, and below which it is turned no more."""
_FLAT = 0.1
"""A boundary is flat where a lead differs from what it was linearised to be by less than this share of what the image
lacks."""
_NEARER = 1e-3
"""A line that reaches the boundary is of use where that is nearer by this share."""


class _Boundary(NamedTuple):
    """What is known of the boundary at a point: all (n,), but for the normal (n, m)."""

    lead: torch.Tensor
    rival: torch.Tensor
    """The strongest."""
    normal: torch.Tensor
    """Gradient of the lead."""
    aim: torch.Tensor
    """The lead that a projection aims for."""


def draw_back(problem: Problem, targets: torch.Tensor, *, work: RowWork) -> torch.Tensor:
    """Move on from the points that the problem's best holds, and offer it what is nearer.

    ``targets``: (n,). Returns the rows (indices) whose boundary is flat, with which no more was done.
    """
    flat = torch.empty(0, dtype=torch.int64, device=targets.device)
    best, images = problem.best, problem.images
    share = torch.full_like(best.size[images], _FIRST_SHARE)
    aim = torch.zeros_like(share)
    _along(problem, targets, to=take(best.point, images), aim=aim)
    for turn in range(_ROUNDS):
        before = best.size[images]
        at = _linearised(problem, targets)
        point = take(best.point, images)
        level = (point * at.normal).sum(dim=1) - at.lead + at.aim
        spaces = HalfSpaces(at.normal[:, None], level[:, None])
        nearest, _ = work.project_onto_all(problem.rows, spaces, multipliers=torch.zeros_like(level[:, None]))
        if turn == 0:
            is_flat = _is_flat(problem, targets, at=at, point=point, nearest=nearest)
            flat = is_flat.nonzero()[:, 0]
            share = torch.where(is_flat, 0.0, share)
        turned = torch.lerp(point, nearest, share[:, None])
        length = torch.linalg.vector_norm(turned - problem.rows, dim=1).clamp_min(torch.finfo(share.dtype).tiny)
        reach = (1 - _NEARER) * before / length  # no farther than what is held
        to = problem.rows + (turned - problem.rows) * reach[:, None]
        _along(problem, targets, to=to.clamp_(0, 1), aim=at.aim)
        share = torch.where(best.size[images] < before, share, share / 2)
        keep = (share >= _LEAST_SHARE).nonzero()[:, 0]
        if not len(keep):
            break
        if len(keep) < len(share):
            problem, targets, share = problem.take(keep), take(targets, keep), take(share, keep)
            images = problem.images
    return flat


def _is_flat(
    problem: Problem, targets: torch.Tensor, *, at: _Boundary, point: torch.Tensor, nearest: torch.Tensor
) -> torch.Tensor:
    """Return (n,) whether the lead changes from ``point`` to ``nearest`` as it does where it is linear."""
    clean = difference(problem.classifier.logits(problem.rows), targets, at.rival)
    lead = difference(problem.classifier.logits(nearest), targets, at.rival)
    problem.spent.add(problem.images, forwards=2)
    expected = at.lead + (at.normal * (nearest - point)).sum(dim=1)
    found: torch.Tensor = (lead - expected).abs() <= _FLAT * clean.abs() + at.aim
    return found


def _linearised(problem: Problem, targets: torch.Tensor) -> _Boundary:
    """Return the lead over the strongest rival at the best points, with its gradient."""
    logits, tape = problem.classifier.evaluate(take(problem.best.point, problem.images))
    rivals = logits.scatter(1, targets[:, None], -torch.inf).argmax(dim=1)
    normal = problem.classifier.pullback(tape, contrast(targets, rivals, like=logits))
    problem.spent.add(problem.images, iterations=1, forwards=1, backwards=1)
    aim = margin(torch.linalg.vector_norm(normal, dim=1), logits)
    return _Boundary(worst_lead(logits, targets), rivals, normal, aim)


def _along(problem: Problem, targets: torch.Tensor, *, to: torch.Tensor, aim: torch.Tensor) -> None:
    """Look for the boundary on the lines from the images to the points ``to`` (n, m), where it lies before those."""
    ends = torch.ones_like(aim)
    low, high = torch.zeros_like(ends), ends
    low_lead, high_lead = torch.full_like(ends, -torch.inf), torch.full_like(ends, torch.inf)
    share = ends
    for turn in range(_STEPS + 1):
        point = torch.lerp(problem.rows, to, share[:, None])
        logits = problem.classifier.logits(point)
        problem.spent.add(problem.images, forwards=1)
        lead = worst_lead(logits, targets)
        beyond = lead >= torch.maximum(enough(aim), margin(torch.zeros_like(aim), logits))
        size = torch.linalg.vector_norm(point - problem.rows, dim=1)
        problem.best.offer(problem.images, point, size=torch.where(beyond, size, torch.inf), target=targets)
        if turn == 0 and not beyond.any():
            return
        high, high_lead = torch.where(beyond, share, high), torch.where(beyond, lead, high_lead)
        low, low_lead = torch.where(beyond, low, share), torch.where(beyond, low_lead, lead)
        secant = low + (high - low) * (-low_lead / (high_lead - low_lead)).clamp(0.05, 0.95)
        share = torch.where(torch.isfinite(secant), secant, (low + high) / 2)
        share = torch.where(high_lead.isfinite(), share, ends)
