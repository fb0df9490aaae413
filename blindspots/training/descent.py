"""Full-batch L-BFGS in segments between checkpoints, until a stated criterion of convergence is met."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch

from blindspots.training.checkpoint import Row
from blindspots.training.lbfgs import Function, Point, minimise

WINDOW = 10
"""Iterations over which the loss's relative decrease is taken."""
_ROUNDING = 1e-7  # of the loss in float32, relative

LOSS, NORM, EVALUATIONS = 1, 3, 4  # columns of a row


@dataclass(frozen=True)
class Criterion:
    """When a minimisation ends."""

    tolerance: float
    """Converged when the gradient's Euclidean norm is at most this, and ..."""
    decrease: float
    """... the loss fell by at most this share of itself over the last :data:`WINDOW` iterations."""
    iterations: int
    """The end in any case."""
    segment: int
    """Iterations between checkpoints."""


@dataclass(frozen=True)
class Segment:
    """What a segment left."""

    point: torch.Tensor
    """(p,) the weights."""
    reason: str
    """Why the minimisation ended: converged, iterations or stalled; empty while it goes on."""


def descend(
    function: Function,
    start: torch.Tensor,
    criterion: Criterion,
    rows: list[Row],
    *,
    images: int,
    phase: int,
    on_row: Callable[[Row], None],
) -> Iterator[Segment]:
    """Minimise ``function`` from ``start``, extend the curve's ``rows``, and yield after every segment.

    ``images``: how many the errors are counted over. L-BFGS begins every segment without a memory, so that a
    minimisation that goes on from a segment's point is the same as one that was never stopped. It has *stalled* when no
    step lowers the loss, or when a whole segment lowered neither the loss by more than rounding nor the least gradient
    to half.
    """
    reason = ""
    while not reason:
        point, reason = start, ""
        own = [row for row in rows if row[-1] == phase]
        before, counted = (int(own[-1][0]), int(own[-1][EVALUATIONS])) if own else (_last(rows), 0)
        first = int(own[0][0]) if own else before
        length = min(criterion.segment, criterion.iterations - (before - first))
        for index, at in enumerate(islice(minimise(function, start), length + 1)):
            point = at.weights
            if index or not own:
                rows.append(curve_row(before + index, at, images, counted, phase))
                own.append(rows[-1])
                on_row(rows[-1])
            if _converged(own, criterion):
                reason = "converged"
                break
        else:
            ended = before + length > own[-1][0]
            if ended or _without_progress(own, before - first):
                reason = "stalled"
            elif own[-1][0] - first >= criterion.iterations:
                reason = "iterations"
        start = point
        yield Segment(point, reason)


def _last(rows: list[Row]) -> int:
    """Return the iteration of the last phase's end."""
    return int(rows[-1][0]) if rows else 0


def _converged(rows: list[Row], criterion: Criterion) -> bool:
    if rows[-1][NORM] > criterion.tolerance:
        return False
    earlier = rows[max(0, len(rows) - 1 - WINDOW)][LOSS]
    return earlier - rows[-1][LOSS] <= criterion.decrease * abs(rows[-1][LOSS])


def _without_progress(rows: list[Row], before: int) -> bool:
    """Tell whether since the row ``before`` the loss fell by no more than rounding, and no gradient is half."""
    losses, norms = ([row[column] for row in rows] for column in (LOSS, NORM))
    flat = losses[-1] >= losses[before] * (1 - _ROUNDING)
    return before > 0 and flat and min(norms[before + 1 :]) > min(norms[: before + 1]) / 2


def curve_row(iteration: int, point: Point, images: int, counted: int, phase: int) -> Row:
    """Return a curve's row of an iteration; ``counted``: evaluations before those of ``point``."""
    value = point.value
    error = value.errors / images
    return (iteration, value.loss, error, point.gradient_norm, counted + point.evaluations, phase)
