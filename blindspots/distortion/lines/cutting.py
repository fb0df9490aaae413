"""The nearest point of a boundary that has kinks: what was seen of it is kept, as half-spaces.

Where a network is linear in pieces the nearest point often lies where pieces of the boundary meet. The linearisation at
one of them says nothing of the next: projected on it alone, the image goes to and fro. So the last few are kept (a
bundle, or cutting planes: Lemarechal 1975; Kelley 1960), and the image x is projected onto all of their half-spaces at
once, inside the box. The line from x to the best point y is turned towards that projection, by a share that is halved
where the point there is not read as wanted; its linearisation is a cut more, so that a miss teaches as much as a find.
Boundaries bend both ways: a half-space that would cut y off is wrong there and let go.
"""

import torch

from blindspots.distortion.criteria import AnyOther, Criterion
from blindspots.distortion.problem import Problem
from blindspots.distortion.projection.boundary import RELATIVE, enough, relative_margin, rounding_margin
from blindspots.distortion.projection.polyhedron import HalfSpaces
from blindspots.distortion.row_work import RowWork
from blindspots.distortion.rows import take
from blindspots.models.classifier import contrast, difference

CUTS = 6
"""Half-spaces kept."""
_NEARER = 1e-4
"""A point is tried where it would be nearer by this share."""
_LEAST_SHARE = 0.02
"""Of the way to the projection: below it a line is turned no more."""
_OFF = 1e-3
"""A half-space that the best point misses by more than this share of its distance is wrong there."""
_ACCURACY, _SWEEPS = 3e-4, 60
"""Of projections: what they are of is no more accurate, and its normals are nearly parallel."""
_LENGTH = 0.01
"""Of a way shorter than this the aim beyond the boundary is a share, not a length."""
_IDLE = -1e9
"""A level, for normals of length 1, that every point meets."""


def cut(problem: Problem, wanted: Criterion, starts: torch.Tensor, *, rounds: int, work: RowWork) -> None:
    """Go on from ``starts`` (n, m), points of the box read in whatever way, and offer what is read as wanted.

    ``wanted``: of the problem's n rows; an image may have several of these, each of which has a best point of its own.
    ``rounds``: gradients a row at most.
    """
    best = starts
    size = torch.full_like(starts[:, 0], torch.inf)
    share = torch.ones_like(size)
    normals = starts.new_zeros(len(starts), CUTS, starts.shape[1])
    levels = torch.full_like(normals[:, :, 0], _IDLE)
    multipliers = torch.zeros_like(levels)
    point = starts
    for turn in range(rounds):
        length = torch.linalg.vector_norm(point - problem.rows, dim=1)
        normal, level, beyond = _seen(problem, wanted, point, length=length)
        nearer = beyond & (length < size)
        share = torch.where(nearer | torch.isinf(size), (1.5 * share).clamp_max(1), share / 2)
        best, size = torch.where(nearer[:, None], point, best), torch.where(nearer, length, size)
        if turn == 0:
            normals[:] = normal[:, None]  # idle as long as their levels are
        column = turn % CUTS
        normals[:, column], levels[:, column], multipliers[:, column] = normal, level, 0
        if turn + 1 == rounds:
            return
        keep = (share >= _LEAST_SHARE).nonzero()[:, 0]
        if not len(keep):
            return
        if len(keep) < 0.8 * len(share):  # to copy the others together costs more than to carry a few along
            problem, wanted = problem.take(keep), wanted.take(keep)
            best, size, share, normals, levels, multipliers = (
                take(value, keep) for value in (best, size, share, normals, levels, multipliers)
            )
        found = torch.isfinite(size)
        wrong = ((normals @ best[:, :, None])[:, :, 0] - levels < -_OFF * size[:, None]) & found[:, None]
        wrong[:, column] = False
        levels, multipliers = levels.masked_fill(wrong, _IDLE), multipliers.masked_fill(wrong, 0)
        aims = RELATIVE[size.dtype] * (size / _LENGTH).clamp_max(1)
        nearest, multipliers = work.project_onto_all(
            problem.rows,
            HalfSpaces(normals, levels + aims[:, None]),
            multipliers=multipliers,
            accuracy=_ACCURACY,
            sweeps=_SWEEPS,
        )
        turned = torch.lerp(best, nearest, share[:, None])
        away = torch.linalg.vector_norm(turned - problem.rows, dim=1).clamp_min(torch.finfo(size.dtype).tiny)
        reach = ((1 - _NEARER) * size / away).clamp_max(1)  # no farther than what is held
        line = (problem.rows + (turned - problem.rows) * reach[:, None]).clamp(0, 1)
        point = torch.where(found[:, None], line, nearest)


def _seen(
    problem: Problem, wanted: Criterion, point: torch.Tensor, *, length: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Offer the points (n, m), ``length`` (n,) away, that are read as wanted.

    Returns the half-spaces beyond the linearised boundary, normals of length 1 (n, m) and levels (n,), and which points
    are beyond the boundary (n,).
    """
    logits, tape = problem.classifier.evaluate(point)
    if isinstance(wanted, AnyOther):
        reached, rival = logits.scatter(1, wanted.labels[:, None], -torch.inf).argmax(dim=1), wanted.labels
    else:
        reached, rival = wanted.targets, logits.scatter(1, wanted.targets[:, None], -torch.inf).argmax(dim=1)
    lead = difference(logits, reached, rival)
    slope = problem.classifier.pullback(tape, contrast(reached, rival, like=logits))
    problem.spent.add(problem.images, iterations=1, forwards=1, backwards=1)
    norm = torch.linalg.vector_norm(slope, dim=1)
    floor = rounding_margin(logits)
    beyond = lead >= enough(relative_margin(norm) * (length / _LENGTH).clamp_max(1) + floor)
    problem.best.offer(problem.images, point, size=torch.where(beyond, length, torch.inf), target=reached)
    divisor = norm.clamp_min(torch.finfo(norm.dtype).tiny)
    level = torch.where(norm > 0, ((slope * point).sum(dim=1) - lead + floor) / divisor, _IDLE)
    return slope / divisor[:, None], level, beyond
