"""More effort for images that the ordinary search found nothing for."""

import torch

from blindspots.distortion.attempt import Attempt
from blindspots.distortion.criteria import Criterion, Towards
from blindspots.distortion.lbfgs.lbfgs import MOST_VALUES, Search, penalised
from blindspots.distortion.problem import Problem
from blindspots.distortion.projection.boundary import enough, margin
from blindspots.distortion.refinement import refine
from blindspots.models.classifier import Classifier, contrast, worst_lead

_CLASSES = 3
"""Classes tried in turn under the nearest rule."""
_NEIGHBOURS = 8
_BISECTIONS = 25
_LONGER = Search(squared=True, values=6, most=MOST_VALUES, iterations=30, tolerance=0.1)


def rescue(attempt: Attempt, problem: Problem, *, part: torch.Tensor) -> None:
    """Search those of the images again for which ``problem`` holds nothing.

    First by the penalty with a longer search down to tiny c (under nearest: towards the likeliest classes in turn),
    then from other images of the batch that are read as wanted, blended into this one until the blend is at the
    boundary, and moved on from there by projection. Ends whether or not anything is found.

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
        penalised(problem.take(here), goal, minimiser=attempt.work.minimiser, search=_LONGER)
    for image in failed[torch.isinf(best.size[failed])]:
        one = problem.take(image[None])
        found = wanted.take(image.expand(len(attempt.clean))).reached(attempt.clean).nonzero()[:, 0]
        if len(found):
            away = (attempt.rows[found] - one.rows).norm(dim=1)
            near = away.topk(min(_NEIGHBOURS, len(found)), largest=False).indices
            _blend(one, attempt.rows[found][near], classes=attempt.clean[found][near])
    here = failed[torch.isfinite(best.size[failed])]
    if len(here):
        refine(problem.take(here), best.target[here], work=attempt.work)


def _targets(problem: Problem, wanted: Criterion) -> list[torch.Tensor]:
    """Return the classes to try in turn, one an image each time."""
    if isinstance(wanted, Towards):
        return [wanted.targets]
    logits = problem.classifier.logits(problem.rows)
    problem.effort.add(problem.images, forwards=1)
    others = logits.scatter(1, wanted.labels[:, None], -torch.inf)
    return list(others.topk(min(_CLASSES, problem.classifier.classes - 1), dim=1).indices.T)


def _blend(problem: Problem, goals: torch.Tensor, *, classes: torch.Tensor) -> None:
    """Bisect between the one image and each goal (g, m), read as ``classes`` (g,), for the nearest blend read so."""
    row, here = problem.rows, problem.images.expand(len(goals))
    low, high = torch.zeros_like(goals[:, 0]), torch.ones_like(goals[:, 0])
    share = high
    for _ in range(_BISECTIONS):
        point = torch.lerp(row.expand_as(goals), goals, share[:, None]).clamp(0, 1)
        leads, slopes = _lead_and_slope(problem.classifier, point, classes=classes)
        problem.effort.add(here, iterations=1, forwards=1, backwards=1)
        beyond = leads >= enough(slopes)
        size = torch.where(beyond, (point - row).norm(dim=1), torch.inf)
        problem.best.offer(here, point, size=size, target=classes)
        high = torch.where(beyond, share, high)
        low = torch.where(beyond, low, share)
        share = (low + high) / 2


def _lead_and_slope(
    classifier: Classifier, point: torch.Tensor, *, classes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the lead over the strongest rival and the margin to aim for."""
    logits, tape = classifier.evaluate(point)
    rivals = logits.scatter(1, classes[:, None], -torch.inf).argmax(dim=1)
    slope = classifier.pullback(tape, contrast(classes, rivals, like=logits))
    return worst_lead(logits, classes), margin(slope.norm(dim=1), logits)
