"""More effort for images that the ordinary search found nothing for."""

from typing import TYPE_CHECKING

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.criteria import Criterion, Towards
from blindspots.distortion.effort import Effort
from blindspots.distortion.lbfgs.lbfgs import MOST_VALUES, Search, penalised
from blindspots.distortion.projection.boundary import enough, margin
from blindspots.distortion.projection.refinement import refine
from blindspots.models.classifier import Classifier, contrast, worst_lead

if TYPE_CHECKING:
    from blindspots.distortion.attempt import Attempt

_CLASSES = 3
"""Classes tried in turn under the nearest rule."""
_NEIGHBOURS = 8
_BISECTIONS = 25
_LONGER = Search(squared=True, values=6, most=MOST_VALUES, iterations=30, tolerance=0.1)


def rescue(attempt: "Attempt", part: torch.Tensor, best: Best, effort: Effort) -> None:
    """Search those of the images ``part`` again for which ``best`` holds nothing.

    First by the penalty with a longer search down to tiny c (under nearest: towards the likeliest classes in turn),
    then from other images of the batch that are read as wanted, blended into this one until the blend is at the
    boundary, and moved on from there by projection. Ends whether or not anything is found.

    ``part``: indices into the batch, those of ``best`` and ``effort``.
    """
    classifier, rows, clean, wanted = attempt.classifier, attempt.rows, attempt.clean, attempt.wanted
    failed = torch.isinf(best.size).nonzero()[:, 0]
    for targets in _targets(classifier, rows, part, failed, wanted, effort):
        left = torch.isinf(best.size[failed])
        here, goals = failed[left], targets[left]
        if not len(here):
            break
        goal = Towards.of(goals, torch.full_like(goals, -1))
        penalised(classifier, rows[part[here]], goal, best, effort, attempt.work.minimiser, images=here, search=_LONGER)
    for image in failed[torch.isinf(best.size[failed])]:
        row = rows[part[image]][None]
        found = wanted.take(part[image].expand(len(clean))).reached(clean).nonzero()[:, 0]
        if len(found):
            near = (rows[found] - row).norm(dim=1).topk(min(_NEIGHBOURS, len(found)), largest=False).indices
            _blend(classifier, row, rows[found][near], clean[found][near], best, effort, image)
    here = failed[torch.isfinite(best.size[failed])]
    if len(here):
        refine(classifier, rows[part[here]], best.target[here], best, effort, attempt.work, images=here)


def _targets(
    classifier: Classifier,
    rows: torch.Tensor,
    part: torch.Tensor,
    failed: torch.Tensor,
    wanted: Criterion,
    effort: Effort,
) -> list[torch.Tensor]:
    """Return the classes to try in turn, one an image each time."""
    if isinstance(wanted, Towards):
        return [wanted.targets[part[failed]]]
    logits = classifier.logits(rows[part[failed]])
    effort.add(failed, forwards=1)
    others = logits.scatter(1, wanted.labels[part[failed]][:, None], -torch.inf)
    return list(others.topk(min(_CLASSES, classifier.classes - 1), dim=1).indices.T)


def _blend(
    classifier: Classifier,
    row: torch.Tensor,
    goals: torch.Tensor,
    classes: torch.Tensor,
    best: Best,
    effort: Effort,
    image: torch.Tensor,
) -> None:
    """Bisect between the image and each goal for the nearest blend that is read as the goal is."""
    count = len(goals)
    here = image.expand(count)
    low, high = torch.zeros_like(goals[:, 0]), torch.ones_like(goals[:, 0])
    share = high
    for _ in range(_BISECTIONS):
        point = torch.lerp(row.expand_as(goals), goals, share[:, None]).clamp(0, 1)
        leads, slopes = _lead_and_slope(classifier, point, classes)
        effort.add(here, iterations=1, forwards=1, backwards=1)
        beyond = leads >= enough(slopes)
        best.offer(here, point, torch.where(beyond, (point - row).norm(dim=1), torch.inf), classes)
        high = torch.where(beyond, share, high)
        low = torch.where(beyond, low, share)
        share = (low + high) / 2


def _lead_and_slope(
    classifier: Classifier, point: torch.Tensor, classes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the lead over the strongest rival and the margin to aim for."""
    logits, tape = classifier.evaluate(point)
    rivals = logits.scatter(1, classes[:, None], -torch.inf).argmax(dim=1)
    slope = classifier.pullback(tape, contrast(classes, rivals, logits.shape[1], logits.dtype))
    return worst_lead(logits, classes), margin(slope.norm(dim=1), logits)
