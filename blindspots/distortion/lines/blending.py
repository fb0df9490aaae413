"""The nearest blend of an image and another picture that is read as that is: bisection, which asks for no slope."""

import torch

from blindspots.distortion.problem import Problem
from blindspots.distortion.projection.boundary import rounding_margin
from blindspots.models.classifier import worst_lead

_BISECTIONS = 25


def blend(
    problem: Problem,
    goals: torch.Tensor,
    *,
    classes: torch.Tensor,
    bisections: int = _BISECTIONS,
    doubt: float = 1.0,
) -> torch.Tensor:
    """Bisect between the problem's rows and the goals (g, m), and offer the nearest blends read as the goals are.

    The problem is of one row for all goals, or of one for each; an image may stand in several. ``classes``: (g,) what
    the goals are read as. Returns how far away (g,) the blends are; infinite where none is read so beyond doubt, which
    is a lead of so many times what rounding of the logits may come to.
    """
    row, here = problem.rows, problem.images.expand(len(goals))
    low, high = torch.zeros_like(goals[:, 0]), torch.ones_like(goals[:, 0])
    least, share = torch.full_like(low, torch.inf), high
    for _ in range(bisections):
        point = torch.lerp(row.expand_as(goals), goals, share[:, None]).clamp(0, 1)
        logits = problem.classifier.logits(point)
        problem.spent.add(here, iterations=1, forwards=1)
        # rounding apart, so that the point is read so in any batch: where the boundary is a cliff, no slope says more
        lead = worst_lead(logits, classes)
        beyond = (lead >= doubt * rounding_margin(logits)) & (logits.argmax(dim=1) == classes)
        size = torch.where(beyond, (point - row).norm(dim=1), torch.inf)
        problem.best.offer(here, point, size=size, target=classes)
        least = torch.minimum(least, size)
        high = torch.where(beyond, share, high)
        low = torch.where(beyond, low, share)
        share = (low + high) / 2
    return least
