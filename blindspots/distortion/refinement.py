"""The least distortion to one class: sequential projection with all of its rivals as constraints.

At the current point y the target's lead over every rival, ``g_c = f_target - f_c``, is linearised, and the *original*
image x is projected onto all those half-spaces at once, inside the box:

    y_next = argmin |y' - x|  subject to  g_c(y) + a_c . (y' - y) >= margin_c  for all c,  0 <= y' <= 1,

with a_c the gradient of g_c at y. At a fixed point the Karush-Kuhn-Tucker conditions of "minimise |y - x| subject to
g_c(y) >= margin_c" hold: it is sequential quadratic programming whose Hessian is the distance's alone, which is exact
where the boundary is flat. It starts from a point that is read as the target, found otherwise: from the image itself it
can end at a worse point or nowhere.
"""

from dataclasses import dataclass

import torch

from blindspots.distortion.problem import Problem
from blindspots.distortion.projection.boundary import enough, margin
from blindspots.distortion.projection.polyhedron import HalfSpaces
from blindspots.distortion.row_work import RowWork
from blindspots.distortion.rows import take
from blindspots.models.classifier import contrast, worst_lead

_RIVALS = 9
"""Constraints held at once; all rivals are checked, and a stronger one takes the place of one that is idle."""
_ROUNDS = 12
_AVERAGE_FROM = 3
"""Rounds after which old and new normals are averaged: where the boundary is curved, y would jump between two points,
each of which is nearest for the other's linearisation."""
_RESTORATIONS = 4


@dataclass(frozen=True)
class _Constraints:
    """The half-spaces that the images are projected onto, one a rival, and the multipliers of the last projection."""

    rivals: torch.Tensor
    """(n, c) classes."""
    normals: torch.Tensor
    """(n, c, m) a_c."""
    levels: torch.Tensor
    """(n, c)."""
    multipliers: torch.Tensor
    """(n, c)."""


@dataclass(frozen=True)
class _Visit:
    """What the model says at the points."""

    point: torch.Tensor
    """(n, m)."""
    size: torch.Tensor
    """(n,) distance from the image."""
    logits: torch.Tensor
    """(n, k)."""
    lead: torch.Tensor
    """(n, c) of the target over the rivals that are constraints."""
    aims: torch.Tensor
    """(n, c) the lead that the projection aims for."""


def refine(problem: Problem, targets: torch.Tensor, *, work: RowWork) -> None:
    """Move on from the points that the problem's best holds, and offer it what is nearer.

    ``targets``: (n,). A model of more than ten classes: the rivals that are strongest at the start are constraints, and
    all are checked.
    """
    point = take(problem.best.point, problem.images)
    rivals, normals, multipliers = torch.empty(0), torch.empty(0), torch.empty(0)
    size = torch.linalg.vector_norm(point - problem.rows, dim=1)
    for turn in range(_ROUNDS):
        logits, tape = problem.classifier.evaluate(point)
        others = logits.scatter(1, targets[:, None], -torch.inf)
        if turn == 0:
            rivals = others.topk(min(_RIVALS, logits.shape[1] - 1), dim=1).indices
            multipliers = torch.zeros_like(rivals, dtype=point.dtype)
        rivals, multipliers, changed = _exchanged(others.argmax(dim=1), rivals, multipliers=multipliers)
        lead = logits.gather(1, targets[:, None]) - logits.gather(1, rivals)
        fresh = problem.classifier.pullbacks(tape, contrast(targets[:, None], rivals, like=logits))
        problem.spent.add(problem.images, iterations=1, forwards=1, backwards=rivals.shape[1])
        aims = margin(torch.linalg.vector_norm(fresh, dim=2), logits)
        beyond = _offer(problem, targets, visit=_Visit(point, size, logits, lead, aims))
        if turn < _AVERAGE_FROM:
            normals = fresh
        else:
            share = torch.where(changed, 1.0, 0.5).to(fresh.dtype)
            normals = torch.lerp(normals, fresh, share[:, None, None])
        # g_c(y) + a_c . (y' - y) >= aim  in the form  a_c . y' >= level
        levels = (point[:, None] @ normals.transpose(1, 2))[:, 0] - lead + aims
        half_spaces = HalfSpaces(normals, levels)
        point, multipliers = work.project_onto_all(problem.rows, half_spaces, multipliers=multipliers)
        following = torch.linalg.vector_norm(point - problem.rows, dim=1)
        change = (following - size).abs() / following.clamp_min(torch.finfo(size.dtype).tiny)
        size = following
        done = beyond & (change <= (1e-5 if size.dtype == torch.float32 else 1e-7))
        if done.all():
            return
        if done.any():
            keep = (~done).nonzero()[:, 0]
            problem = problem.take(keep)
            targets, point, size = (take(v, keep) for v in (targets, point, size))
            rivals, normals, levels, multipliers = (take(v, keep) for v in (rivals, normals, levels, multipliers))
    _restore(problem, targets, point=point, held=_Constraints(rivals, normals, levels, multipliers), work=work)


def _exchanged(
    strongest: torch.Tensor, rivals: torch.Tensor, *, multipliers: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Let each row's strongest rival take the place of the one with the least multiplier; return which rows changed."""
    changed = (rivals != strongest[:, None]).all(dim=1)
    if not changed.any():
        return rivals, multipliers, changed
    column = multipliers.argmin(dim=1, keepdim=True)
    new = torch.where(changed[:, None], strongest[:, None], rivals.gather(1, column))
    kept = torch.where(changed[:, None], torch.zeros_like(multipliers[:, :1]), multipliers.gather(1, column))
    return rivals.scatter(1, column, new), multipliers.scatter(1, column, kept), changed


def _offer(problem: Problem, targets: torch.Tensor, *, visit: _Visit) -> torch.Tensor:
    """Offer the points that are read as their targets; return which are."""
    lead, aims = visit.lead, visit.aims
    others = worst_lead(visit.logits, targets) >= enough(aims.amin(dim=1))  # those that are no constraint count too
    beyond = (lead >= enough(aims)).all(dim=1) & others
    size = torch.where(beyond, visit.size, torch.inf)
    problem.best.offer(problem.images, visit.point, size=size, target=targets)
    return beyond


def _restore(
    problem: Problem, targets: torch.Tensor, *, point: torch.Tensor, held: _Constraints, work: RowWork
) -> None:
    """Bring points that stopped short of a boundary beyond it, by moving the half-spaces along their fixed normals.

    What is missing to a lead is added to the level of every half-space that the point lies on; of the others only where
    they too are missed.
    """
    rivals, normals, levels, multipliers = held.rivals, held.normals, held.levels, held.multipliers
    for turn in range(_RESTORATIONS):
        logits = problem.classifier.logits(point)
        problem.spent.add(problem.images, iterations=1, forwards=1)
        lead = logits.gather(1, targets[:, None]) - logits.gather(1, rivals)
        aims = margin(normals.norm(dim=2), logits)
        size = (point - problem.rows).norm(dim=1)
        beyond = _offer(problem, targets, visit=_Visit(point, size, logits, lead, aims))
        if beyond.all() or turn + 1 == _RESTORATIONS:
            return
        levels = levels + torch.where(multipliers > 0, aims - lead, (aims - lead).clamp_min(0))
        half_spaces = HalfSpaces(normals, levels)
        point, multipliers = work.project_onto_all(problem.rows, half_spaces, multipliers=multipliers)
