"""How near an image comes to given activations of a layer, and how little one has to change for that.

The search turned round: not activations are sought that are misread, but an image x in the box [0, 1] whose activation
h(x) is nearest to a given one, a. The distance |h(x) - a| is not convex in x, and what is found is an upper bound of
the least: the best of several starts. So is the least change of an image, sought along the minimisers of
``|h(x) - a|^2 + c |x - x0|^2`` for one c after another, each from where the one before ended.

Both are minimised by spectral projected gradients, a step length a row (Birgin, Martinez and Raydan, 2000).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

ITERATIONS = 150
_A_WEIGHT = 40
"""Iterations for each c of the path."""
WEIGHTS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""c, in shares of the gain |a - h(x0)|^2 over the square of how far the first search went."""
_REMEMBERED = 5
"""Values of which a step may reach the highest: so no line search is needed for most."""
_FIRST, _LEAST_STEP, _MOST_STEP = 1.0, 1e-8, 1e8

Objective = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Returns values (n,) and gradients (n, d) at points (n, d)."""


@dataclass(frozen=True)
class Preimages:
    """What images come to of given activations."""

    nearest: torch.Tensor
    """(n, d) the image found whose activation is the nearest."""
    distance: torch.Tensor
    """(n,) how far that activation is from the given one, Euclidean: an upper bound of the least."""
    changed: torch.Tensor
    """(n, d) the least changed image found whose activation comes as near as was asked for."""
    change: torch.Tensor
    """(n,) Euclidean length of its change: an upper bound of the least."""


def preimages(
    below: nn.Module,
    wanted: torch.Tensor,
    images: torch.Tensor,
    others: list[torch.Tensor],
    *,
    slack: torch.Tensor,
) -> Preimages:
    """Return the images in [0, 1] that come nearest to activations ``wanted`` (n, units), one each, and near enough.

    ``below``: from images (n, d) to activations; ``images``: (n, d) where each change begins; ``others``: more starts
    (n, d) for the nearest; ``slack``: (n,) by how much farther than the nearest an activation may be from ``wanted`` to
    be near enough.
    """
    gain = (below(images) - wanted).norm(dim=1)
    starts = torch.stack([images, *others])
    points = _descend(_distance(below, wanted), starts.flatten(0, 1), ITERATIONS)
    points = points.view_as(starts)
    distances = torch.stack([(below(point) - wanted).norm(dim=1) for point in points])
    distance, place = distances.min(dim=0)
    nearest = points[place, torch.arange(len(wanted))]
    enough = distance + slack
    changed, change = nearest, (nearest - images).norm(dim=1)
    already = gain <= enough
    changed, change = torch.where(already[:, None], images, changed), torch.where(already, 0, change)
    scale = (gain / (points[0] - images).norm(dim=1).clamp_min(_LEAST_STEP)).square()
    point = images
    for weight in WEIGHTS:
        point = _descend(_distance(below, wanted, images, weight * scale), point, _A_WEIGHT)
        length = (point - images).norm(dim=1)
        better = ((below(point) - wanted).norm(dim=1) <= enough) & (length < change)
        changed, change = torch.where(better[:, None], point, changed), torch.where(better, length, change)
    return Preimages(nearest, distance, changed, change)


def _distance(
    below: nn.Module, wanted: torch.Tensor, images: torch.Tensor | None = None, weight: torch.Tensor | None = None
) -> Objective:
    """Return ``|h(x) - a|^2`` of each row, plus ``weight`` (n,) times ``|x - x0|^2`` where a weight is given."""

    def at(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.enable_grad():
            place = points.detach().requires_grad_()
            again = wanted.repeat(len(points) // len(wanted), 1)
            values = (below(place) - again).square().sum(dim=1)
            if weight is not None and images is not None:
                values = values + weight * (place - images).square().sum(dim=1)
            (gradient,) = torch.autograd.grad(values.sum(), place)
        return values.detach(), gradient

    return at


@torch.no_grad()
def _descend(function: Objective, start: torch.Tensor, iterations: int) -> torch.Tensor:
    """Return the best point (n, d) in [0, 1] of each row after so many spectral projected gradient steps.

    A step that leads above all remembered values is not taken, and a quarter of it is tried next.
    """
    point = start
    value, gradient = function(point)
    step = _FIRST / gradient.norm(dim=1).clamp_min(_LEAST_STEP)
    recent = value.repeat(_REMEMBERED, 1)
    best, least = point, value
    for turn in range(ITERATIONS):
        trial = (point - step[:, None] * gradient).clamp_(0, 1)
        new, slope = function(trial)
        taken = new <= recent.amax(dim=0)
        move, bend = trial - point, slope - gradient
        length, curvature = move.square().sum(dim=1), (move * bend).sum(dim=1)
        longer = torch.where(curvature > 0, length / curvature, 4 * step)  # Barzilai and Borwein's step
        step = torch.where(taken, longer, step / 4).clamp_(_LEAST_STEP, _MOST_STEP)
        point = torch.where(taken[:, None], trial, point)
        gradient = torch.where(taken[:, None], slope, gradient)
        value = torch.where(taken, new, value)
        recent[turn % _REMEMBERED] = value
        better = value < least
        best, least = torch.where(better[:, None], point, best), torch.where(better, value, least)
    return best
