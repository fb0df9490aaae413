"""More tries for images that the ordinary search found nothing for."""

import torch

from blindspots.distortion.attempt import Attempt
from blindspots.distortion.best import FOUND_BY
from blindspots.distortion.criteria import AnyOther, Criterion, Towards
from blindspots.distortion.lbfgs.lbfgs import MOST_VALUES, Search, penalised
from blindspots.distortion.lines.decisions import walk
from blindspots.distortion.lines.goals import goals_of
from blindspots.distortion.problem import Problem
from blindspots.distortion.projection.boundary import rounding_margin
from blindspots.distortion.refinement import refine
from blindspots.models.classifier import worst_lead

_CLASSES = 3
"""Classes tried in turn under the nearest rule."""
_BISECTIONS = 25
_LONGER = Search(squared=True, values=6, most=MOST_VALUES, iterations=30, tolerance=0.1)


def rescue(attempt: Attempt, problem: Problem, *, part: torch.Tensor) -> None:
    """Search those of the images again for which ``problem`` holds nothing.

    First by the penalty with a longer search down to tiny c (under nearest: towards the likeliest classes in turn),
    then from other images that are read as wanted, those of the batch or plain ones, blended into this one until the
    blend is at the boundary, and moved on from there by projection, or where no gradient says whither, by a walk that
    asks for classes alone. Ends whether or not anything is found.

    ``problem``: the images ``part`` (indices) of ``attempt``.
    """
    best, wanted = problem.best, attempt.wanted.take(part)
    failed = torch.isinf(best.size).nonzero()[:, 0]
    for targets in _targets(problem.take(failed), wanted.take(failed)):
        left = torch.isinf(best.size[failed])
        here, goals = failed[left], targets[left]
        if not len(here):
            break
        goal = Towards.of(goals, torch.full_like(goals, -1))
        with best.credited("lbfgs"):
            penalised(problem.take(here), goal, minimiser=attempt.work.minimiser, search=_LONGER)
    lost = failed[torch.isinf(best.size[failed])]
    with best.credited("straight line"):
        for image in lost:
            goals, classes = goals_of(attempt, int(part[image]))
            if len(goals):
                _blend(problem.take(image[None]), goals, classes=classes)
    here = failed[torch.isfinite(best.size[failed])]
    if len(here):
        with best.credited("refinement"):
            refine(problem.take(here), best.target[here], work=attempt.work)
    still = lost[best.by[lost] == FOUND_BY.index("straight line")]  # nothing that a gradient says brought it nearer
    if len(still):
        with best.credited("decisions"):
            walk(problem.take(still), None if isinstance(wanted, AnyOther) else wanted.take(still).targets)


def _targets(problem: Problem, wanted: Criterion) -> list[torch.Tensor]:
    """Return the classes to try in turn, one an image each time."""
    if isinstance(wanted, Towards):
        return [wanted.targets]
    logits = problem.classifier.logits(problem.rows)
    problem.spent.add(problem.images, forwards=1)
    others = logits.scatter(1, wanted.labels[:, None], -torch.inf)
    return list(others.topk(min(_CLASSES, problem.classifier.classes - 1), dim=1).indices.T)


def _blend(problem: Problem, goals: torch.Tensor, *, classes: torch.Tensor) -> None:
    """Bisect between the one image and each goal (g, m), read as ``classes`` (g,), for the nearest blend read so."""
    row, here = problem.rows, problem.images.expand(len(goals))
    low, high = torch.zeros_like(goals[:, 0]), torch.ones_like(goals[:, 0])
    share = high
    for _ in range(_BISECTIONS):
        point = torch.lerp(row.expand_as(goals), goals, share[:, None]).clamp(0, 1)
        logits = problem.classifier.logits(point)
        problem.spent.add(here, iterations=1, forwards=1)
        # rounding apart, so that the point is read so in any batch: where the boundary is a cliff, no slope says more
        beyond = worst_lead(logits, classes) >= rounding_margin(logits)
        size = torch.where(beyond, (point - row).norm(dim=1), torch.inf)
        problem.best.offer(here, point, size=size, target=classes)
        high = torch.where(beyond, share, high)
        low = torch.where(beyond, low, share)
        share = (low + high) / 2
