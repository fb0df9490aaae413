"""The least distortion to one class: sequential projection with all of its rivals as constraints.

At the current point the target's lead over every rival is linearised, and the original image is projected onto all
those half-spaces at once, inside the box. It starts from a point that is read as the target, found otherwise: from the
image itself it can end at a worse point or nowhere.
"""

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.effort import Effort
from blindspots.distortion.projection.boundary import enough, margin
from blindspots.distortion.row_work import RowWork
from blindspots.distortion.rows import take
from blindspots.models.classifier import Classifier, contrast, worst_lead

_RIVALS = 9
"""Constraints held at once; all rivals are checked, and a stronger one takes the place of one that is idle."""
_ROUNDS = 12
_AVERAGE_FROM = 3
_RESTORATIONS = 4


def refine(
    classifier: Classifier,
    rows: torch.Tensor,
    targets: torch.Tensor,
    best: Best,
    effort: Effort,
    work: RowWork,
    *,
    images: torch.Tensor,
) -> None:
    """Move on from the points that ``best`` holds and offer it what is nearer.

    ``rows``: (n, m) in [0, 1]; ``targets``: (n,); ``images``: (n,) where a row stands in ``best`` and ``effort``. A
    model of more than ten classes: the rivals that are strongest at the start are constraints, and all are checked.
    """
    point = take(best.point, images)
    rivals, normals, multipliers = torch.empty(0), torch.empty(0), torch.empty(0)
    size = torch.linalg.vector_norm(point - rows, dim=1)
    for turn in range(_ROUNDS):
        logits, tape = classifier.evaluate(point)
        others = logits.scatter(1, targets[:, None], -torch.inf)
        if turn == 0:
            rivals = others.topk(min(_RIVALS, logits.shape[1] - 1), dim=1).indices
            multipliers = torch.zeros_like(rivals, dtype=rows.dtype)
        rivals, multipliers, changed = _exchanged(others.argmax(dim=1), rivals, multipliers)
        lead = logits.gather(1, targets[:, None]) - logits.gather(1, rivals)
        fresh = classifier.pullbacks(tape, contrast(targets[:, None], rivals, logits.shape[1], logits.dtype))
        effort.add(images, iterations=1, forwards=1, backwards=rivals.shape[1])
        aims = margin(torch.linalg.vector_norm(fresh, dim=2), logits)
        beyond = _offer(images, point, size, logits, targets, lead, aims, best)
        if turn < _AVERAGE_FROM:
            normals = fresh
        else:
            share = torch.where(changed, 1.0, 0.5).to(fresh.dtype)
            normals = torch.lerp(normals, fresh, share[:, None, None])
        levels = (point[:, None] @ normals.transpose(1, 2))[:, 0] - lead + aims
        point, multipliers = work.project_onto_all(rows, normals, levels, multipliers)
        following = torch.linalg.vector_norm(point - rows, dim=1)
        change = (following - size).abs() / following.clamp_min(torch.finfo(size.dtype).tiny)
        size = following
        done = beyond & (change <= (1e-5 if size.dtype == torch.float32 else 1e-7))
        if done.all():
            return
        if done.any():
            keep = (~done).nonzero()[:, 0]
            rows, targets, images, point, size = (take(v, keep) for v in (rows, targets, images, point, size))
            rivals, normals, levels, multipliers = (take(v, keep) for v in (rivals, normals, levels, multipliers))
    _restore(classifier, rows, targets, images, point, rivals, normals, levels, multipliers, best, effort, work)


def _exchanged(
    strongest: torch.Tensor, rivals: torch.Tensor, multipliers: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Let each row's strongest rival take the place of the one with the least multiplier; return which rows changed."""
    changed = (rivals != strongest[:, None]).all(dim=1)
    if not changed.any():
        return rivals, multipliers, changed
    column = multipliers.argmin(dim=1, keepdim=True)
    new = torch.where(changed[:, None], strongest[:, None], rivals.gather(1, column))
    kept = torch.where(changed[:, None], torch.zeros_like(multipliers[:, :1]), multipliers.gather(1, column))
    return rivals.scatter(1, column, new), multipliers.scatter(1, column, kept), changed


def _offer(
    images: torch.Tensor,
    point: torch.Tensor,
    size: torch.Tensor,
    logits: torch.Tensor,
    targets: torch.Tensor,
    lead: torch.Tensor,
    aims: torch.Tensor,
    best: Best,
) -> torch.Tensor:
    """Offer the points that are read as their targets; return which are."""
    others = worst_lead(logits, targets) >= enough(aims.amin(dim=1))  # those that are no constraint count too
    beyond = (lead >= enough(aims)).all(dim=1) & others
    best.offer(images, point, torch.where(beyond, size, torch.inf), targets)
    return beyond


def _restore(
    classifier: Classifier,
    rows: torch.Tensor,
    targets: torch.Tensor,
    images: torch.Tensor,
    point: torch.Tensor,
    rivals: torch.Tensor,
    normals: torch.Tensor,
    levels: torch.Tensor,
    multipliers: torch.Tensor,
    best: Best,
    effort: Effort,
    work: RowWork,
) -> None:
    """Bring points that stopped short of a boundary beyond it, by moving the half-spaces along their fixed normals."""
    for turn in range(_RESTORATIONS):
        logits = classifier.logits(point)
        effort.add(images, iterations=1, forwards=1)
        lead = logits.gather(1, targets[:, None]) - logits.gather(1, rivals)
        aims = margin(normals.norm(dim=2), logits)
        size = (point - rows).norm(dim=1)
        beyond = _offer(images, point, size, logits, targets, lead, aims, best)
        if beyond.all() or turn + 1 == _RESTORATIONS:
            return
        levels = levels + torch.where(multipliers > 0, aims - lead, (aims - lead).clamp_min(0))
        point, multipliers = work.project_onto_all(rows, normals, levels, multipliers)
