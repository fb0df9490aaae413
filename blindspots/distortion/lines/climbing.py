"""Pictures climbed to from anywhere in the box: they show boundaries that no slope at the image leads to.

What untrained networks and others of few units read as a class may be a corner of the box, far from the image, behind
flat or rising ground. From pictures of noise all over the box the sign of the gradient, in steps of all values alike,
leads to most such places, and the climb ends where the class is read first: near the boundary, from another side each
time. The pictures are the same for every image and every batch.
"""

from typing import NamedTuple

import torch

from blindspots.device import rows_at_once
from blindspots.distortion.criteria import AnyOther, Criterion
from blindspots.distortion.drawing_back import FROM_CLASSES
from blindspots.distortion.lines.blending import blend
from blindspots.distortion.lines.cutting import cut
from blindspots.distortion.problem import Problem
from blindspots.distortion.row_work import RowWork
from blindspots.distortion.rows import take
from blindspots.models.classifier import Classifier, contrast

_STEPS = 30
_STEP, _SLOWER = 0.3, 10
"""Length of the first step, of every value; after so many steps a step is half as long."""
_ARRAYS = 8
"""Of images, for each row that climbs."""
_FEWEST = 4
_GOALS = 1024
"""Pictures that lines from one image are bisected to, at most: the nearest."""
_LINES = 8192
"""Lines of several images that are bisected together, at most."""
_BISECTIONS = 12
_CUTS = 12


class Reached(NamedTuple):
    """Pictures that were climbed to."""

    point: torch.Tensor
    """(g, m) in the box."""
    read: torch.Tensor
    """(g,) what they are read as."""


def climbed(
    classifier: Classifier, like: torch.Tensor, classes: list[int], *, starts: int, passes: int = 1
) -> Reached | None:
    """Climb to each of the ``classes`` from ``starts`` pictures of noise, half of them black and white.

    From fewer where pictures are so large that they do not fit at once, since their gradients are dear too; None where
    that leaves next to nothing. ``like``: (n, m) rows of the pictures' size, dtype and device; ``passes``: of the model
    that a gradient takes.
    """
    starts = rows_at_once(like.shape[1], arrays=_ARRAYS * passes, most=starts)
    if not classes or starts < _FEWEST:
        return None
    random = torch.Generator().manual_seed(2)
    noise = torch.rand(starts, like.shape[1], generator=random, device="cpu", dtype=torch.float32)
    noise[starts // 2 :] = noise[starts // 2 :].round()
    found = [_climb(classifier, noise.to(like, copy=True), goal) for goal in classes]
    return Reached(*(torch.cat(each) for each in zip(*found, strict=True)))


def _climb(classifier: Classifier, point: torch.Tensor, goal: int) -> Reached:
    """Climb from ``point`` (s, m), which is written to, until ``goal`` is read."""
    left = torch.arange(len(point), device=point.device)
    reached = torch.zeros_like(left, dtype=torch.bool)
    for step in range(_STEPS + 1):
        logits, tape = classifier.evaluate(take(point, left))
        there = logits.argmax(dim=1) == goal
        reached[left[there]] = True
        if step == _STEPS or there.all():
            break
        targets = torch.full_like(left, goal)
        rivals = logits.scatter(1, targets[:, None], -torch.inf).argmax(dim=1)
        slope = classifier.pullback(tape, contrast(targets, rivals, like=logits))
        on = (~there & slope.any(dim=1)).nonzero()[:, 0]  # from level ground nothing leads away
        left, slope = take(left, on), take(slope, on)
        if not len(left):
            break
        point[left] = (take(point, left) + _STEP / (1 + step / _SLOWER) * slope.sign()).clamp(0, 1)
    found = reached.nonzero()[:, 0]
    return Reached(take(point, found), torch.full_like(found, goal))


def cut_from_there(problem: Problem, wanted: Criterion, reached: Reached, *, starts: int, work: RowWork) -> None:
    """Go on by cuts from where the lines to the pictures meet the boundary, those ``starts`` that are the nearest.

    ``wanted``: of the problem's n rows.
    """
    lines = max(1, min(_GOALS, len(reached.read)))
    device = problem.rows.device
    at_once = max(1, rows_at_once(problem.rows.shape[1], arrays=_ARRAYS, most=_LINES, device=device) // lines)
    for part in torch.arange(len(problem.rows), device=device).split(at_once):
        _cut_from_there(problem.take(part), wanted.take(part), reached, starts=starts, work=work)


def _cut_from_there(problem: Problem, wanted: Criterion, reached: Reached, *, starts: int, work: RowWork) -> None:
    """Do so for rows that are bisected for together."""
    one_by_one = torch.arange(len(problem.rows), device=problem.rows.device)[:, None].expand(-1, len(reached.read))
    sought = torch.stack([wanted.take(row).reached(reached.read) for row in one_by_one])
    away = torch.stack([(reached.point - row).norm(dim=1) for row in problem.rows])
    away, goal = torch.where(sought, away, torch.inf).topk(min(_GOALS, len(reached.read)), largest=False)
    size = torch.full_like(away, torch.inf)
    row, place = torch.isfinite(away).nonzero(as_tuple=True)
    if len(row):
        goals, classes = reached.point[goal[row, place]], reached.read[goal[row, place]]
        with problem.best.credited("straight line"):
            size[row, place] = blend(problem.take(row), goals, classes=classes, bisections=_BISECTIONS)
    size, nearest = size.topk(min(starts, size.shape[1]), largest=False)
    row, place = torch.isfinite(size).nonzero(as_tuple=True)
    if len(row):
        several, ways = problem.take(row), reached.point[goal.gather(1, nearest)[row, place]] - problem.rows[row]
        share = size[row, place] / ways.norm(dim=1).clamp_min(torch.finfo(size.dtype).tiny)
        begun = (several.rows + share[:, None] * ways).clamp(0, 1)
        with problem.best.credited("cuts"):
            cut(several, wanted.take(row), begun, rounds=_CUTS, work=work)


def classes_to_climb_to(wanted: Criterion, classes: int) -> list[int]:
    """Return the classes that are a success for any of the images, or none where there are too many."""
    sought = range(classes) if isinstance(wanted, AnyOther) else wanted.targets[~wanted.own].unique().tolist()
    return list(sought) if len(sought) < FROM_CLASSES else []
