"""More tries for images that the ordinary search found nothing for."""

import torch

from blindspots.distortion.attempt import Attempt
from blindspots.distortion.best import FOUND_BY
from blindspots.distortion.criteria import AnyOther, Criterion, Towards
from blindspots.distortion.lbfgs.lbfgs import MOST_VALUES, Search, penalised
from blindspots.distortion.lines.blending import blend
from blindspots.distortion.lines.decisions import walk
from blindspots.distortion.lines.goals import goals_of
from blindspots.distortion.problem import Problem
from blindspots.distortion.refinement import refine

_CLASSES = 3
"""Classes tried in turn under the nearest rule."""
_DRAWN = 200
"""Pictures of noise among those to which lines are looked along for every image."""
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
            for doubt in (1.0, 0.0) if len(goals) else ():  # of huge logits that hardly differ, rounding is most
                if torch.isinf(best.size[image]):
                    blend(problem.take(image[None]), goals, classes=classes, doubt=doubt)
    here = failed[torch.isfinite(best.size[failed])]
    if len(here):
        with best.credited("refinement"):
            refine(problem.take(here), best.target[here], work=attempt.work)
    still = lost[best.by[lost] == FOUND_BY.index("straight line")]  # nothing that a gradient says brought it nearer
    if len(still):
        with best.credited("decisions"):
            walk(problem.take(still), None if isinstance(wanted, AnyOther) else wanted.take(still).targets)


def cross(attempt: Attempt, problem: Problem, *, part: torch.Tensor, most: int) -> None:
    """Look along the lines to many other pictures for what is nearer than what differences led to, and walk on there.

    Of a function with steps, such as one of rounded pixels, differences over one length see some of its steps alone.
    ``problem``: the images ``part`` (indices) of ``attempt``, as far as their search has come; ``most``: pictures.
    """
    best, wanted = problem.best, attempt.wanted.take(part)
    before = best.size.clone()
    with best.credited("straight line"):
        for place in range(len(part)):
            goals, classes = goals_of(attempt, int(part[place]), most=most, drawn=_DRAWN)
            if len(goals):
                blend(problem.take(torch.tensor([place], device=part.device)), goals, classes=classes)
    nearer = (best.size < before).nonzero()[:, 0]
    if len(nearer):
        with best.credited("decisions"):
            walk(problem.take(nearer), None if isinstance(wanted, AnyOther) else wanted.take(nearer).targets)


def _targets(problem: Problem, wanted: Criterion) -> list[torch.Tensor]:
    """Return the classes to try in turn, one an image each time."""
    if isinstance(wanted, Towards):
        return [wanted.targets]
    logits = problem.classifier.logits(problem.rows)
    problem.spent.add(problem.images, forwards=1)
    others = logits.scatter(1, wanted.labels[:, None], -torch.inf)
    return list(others.topk(min(_CLASSES, problem.classifier.classes - 1), dim=1).indices.T)
