"""The least distortion to one class: sequential projection with all of its rivals as constraints.

At the current point the target's lead over every rival is linearised, and the original image is projected onto all
those half-spaces at once, inside the box. It starts from a point that is read as the target, found otherwise: from the
image itself it can end at a worse point or nowhere.
"""

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.boundary import enough, margin
from blindspots.distortion.classifier import Classifier, worst_lead
from blindspots.distortion.effort import Effort
from blindspots.distortion.polyhedron import project_onto_all

_RIVALS = 9
_ROUNDS = 12
_AVERAGE_FROM = 3
_RESTORATIONS = 4


def refine(
    classifier: Classifier,
    rows: torch.Tensor,
    targets: torch.Tensor,
    best: Best,
    effort: Effort,
    *,
    images: torch.Tensor,
    start: torch.Tensor | None = None,
) -> None:
    """Move on from the points that ``best`` holds (or from ``start``) and offer it what is nearer.

    ``rows``: (n, m) in [0, 1]; ``targets``: (n,); ``images``: (n,) where a row stands in ``best`` and ``effort``. A
    model of more than ten classes: the rivals that are strongest at the start are constraints, and all are checked.
    """
    point = (best.point[images] if start is None else start).clone()
    logits = classifier.logits(point)
    effort.add(images, forwards=1)
    count = min(_RIVALS, logits.shape[1] - 1)
    rivals = logits.scatter(1, targets[:, None], -torch.inf).topk(count, dim=1).indices
    normals: torch.Tensor | None = None
    multipliers: torch.Tensor | None = None
    size = (point - rows).norm(dim=1)
    for turn in range(_ROUNDS):
        logits, leads, fresh = classifier.leads(point, targets[:, None], rivals)
        effort.add(images, iterations=1, forwards=1, backwards=count)
        norms = fresh.norm(dim=2)
        aims = margin(norms, logits)
        beyond = _offer(images, point, size, logits, targets, aims, best)
        normals = fresh if normals is None or turn < _AVERAGE_FROM else (normals + fresh) / 2
        levels = (normals @ point[:, :, None])[:, :, 0] - leads + aims
        point, multipliers = project_onto_all(rows, normals, levels, multipliers)
        following = (point - rows).norm(dim=1)
        change = (following - size).abs() / following.clamp_min(torch.finfo(size.dtype).tiny)
        size = following
        done = beyond & (change <= (1e-5 if size.dtype == torch.float32 else 1e-7))
        if done.all():
            return
        keep = ~done
        rows, targets, images, point, size = rows[keep], targets[keep], images[keep], point[keep], size[keep]
        rivals, normals, levels, multipliers = rivals[keep], normals[keep], levels[keep], multipliers[keep]
    _restore(classifier, rows, targets, images, point, rivals, normals, levels, multipliers, best, effort)


def _offer(
    images: torch.Tensor,
    point: torch.Tensor,
    size: torch.Tensor,
    logits: torch.Tensor,
    targets: torch.Tensor,
    aims: torch.Tensor,
    best: Best,
) -> torch.Tensor:
    """Offer the points that are read as their targets; return which are."""
    beyond = worst_lead(logits, targets) >= enough(aims.amax(dim=1))
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
) -> None:
    """Bring points that stopped short of a boundary beyond it, by moving the half-spaces along their fixed normals."""
    for turn in range(_RESTORATIONS):
        logits = classifier.logits(point)
        effort.add(images, iterations=1, forwards=1)
        leads = logits.gather(1, targets[:, None]) - logits.gather(1, rivals)
        aims = margin(normals.norm(dim=2), logits)
        size = (point - rows).norm(dim=1)
        beyond = _offer(images, point, size, logits, targets, aims, best)
        if beyond.all() or turn + 1 == _RESTORATIONS:
            return
        levels = levels + torch.where(multipliers > 0, aims - leads, (aims - leads).clamp_min(0))
        point, multipliers = project_onto_all(rows, normals, levels, multipliers)
