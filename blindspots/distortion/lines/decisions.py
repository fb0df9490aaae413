"""A walk along the boundary that asks what is read, and nothing else: for models without any slope.

Where logits are the same on both sides of a step there is nothing to differentiate. But a point at the boundary tells
where that lies: of small steps around it, those that are still read as wanted are on one side, and their mean points
away from the other (Chen, Jordan and Wainwright 2020, "HopSkipJumpAttack"). The line from the image is turned towards
that mean, and the boundary looked for along it by bisection.
"""

from collections.abc import Callable

import torch

from blindspots.distortion.problem import Problem
from blindspots.distortion.rows import take

_ROUNDS = 80
_STEPS = 64
"""Small steps around a point."""
_RADIUS = 0.05
"""Their length, as a share of the distance from the image."""
_TURNS = (0.25, 0.5, 1.0)
"""Tangents of the angles that a line is turned by."""
_BISECTIONS = 12
_LEAST_SHARE = 1 / 64


def walk(problem: Problem, targets: torch.Tensor | None) -> None:
    """Move on from the points that the problem's best holds, and offer it what is nearer.

    ``targets``: (n,) the classes that count, or None where every class does but the one that the image is read as.
    """
    clean = problem.classifier.logits(problem.rows).argmax(dim=1)
    random = torch.Generator().manual_seed(0)
    for place in range(len(problem.rows)):
        one = torch.tensor([place], device=problem.rows.device)
        _walk(problem.take(one), clean[place], target=None if targets is None else targets[place], random=random)


def _walk(problem: Problem, clean: torch.Tensor, *, target: torch.Tensor | None, random: torch.Generator) -> None:
    """Move on for one image."""
    row, share = problem.rows[0], 1.0

    def wanted(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        problem.spent.add(problem.images, forwards=len(points))
        read = problem.classifier.logits(points).argmax(dim=1)
        return (read != clean) if target is None else (read == target), read

    _along(problem, take(problem.best.point, problem.images) - row, wanted)  # to the boundary
    for _ in range(_ROUNDS):
        point, size = take(problem.best.point, problem.images)[0], take(problem.best.size, problem.images)
        steps = torch.randn(_STEPS, len(row), generator=random, device="cpu", dtype=torch.float32).to(row)
        steps *= _RADIUS * share * size / steps.norm(dim=1, keepdim=True)
        around = (point + steps).clamp(0, 1)
        inside, _ = wanted(around)
        weight = inside.to(row.dtype) - inside.to(row.dtype).mean()
        normal = weight @ (around - point)
        if not normal.any():  # the boundary is farther than the steps, or nearer
            share /= 2
        else:
            ahead = (point - row) / size
            turns = torch.tensor(_TURNS, device="cpu", dtype=torch.float32).to(row)[:, None] * share
            lines = torch.nn.functional.normalize(ahead + turns * normal / normal.norm(), dim=1)
            before = float(size)
            _along(problem, lines * (0.999 * size), wanted)
            if float(take(problem.best.size, problem.images)) > 0.999 * before:
                share /= 2
        problem.spent.add(problem.images, iterations=1)
        if share < _LEAST_SHARE:
            return


_Read = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def _along(problem: Problem, ends: torch.Tensor, wanted: _Read) -> None:
    """Bisect from the image to the points that lie ``ends`` (t, m) away, where those are read as wanted."""
    row, here = problem.rows, problem.images.expand(len(ends))
    high, low = torch.ones_like(ends[:, 0]), torch.zeros_like(ends[:, 0])
    share = high
    for turn in range(_BISECTIONS):
        points = (row + share[:, None] * ends).clamp(0, 1)
        inside, read = wanted(points)
        if turn == 0:
            reached = inside
            if not reached.any():
                return
        size = torch.where(inside & reached, (points - row).norm(dim=1), torch.inf)
        problem.best.offer(here, points, size=size, target=read)
        high, low = torch.where(inside, share, high), torch.where(inside, low, share)
        share = (low + high) / 2
