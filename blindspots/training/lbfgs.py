"""Full-batch L-BFGS with a strong Wolfe line search, as a generator of its iterations.

Nocedal and Wright, *Numerical Optimization* (2nd edition): two-loop recursion, algorithm 7.4; line search, algorithms
3.5 and 3.6 with cubic steps (equation 3.59). In float32 the loss stops resolving long before the gradient does: where
losses differ by less than rounding, the slopes decide (the approximate Wolfe conditions of Hager and Zhang, 2005).

A function that knows its curvature (:class:`Curved`) gives the matrix H0 that the recursion starts from, anew every few
iterations; the memory of steps outlives it. Another function starts from a multiple of the identity.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from blindspots.device import one_thread
from blindspots.errors import BlindspotsError
from blindspots.training.objective import Value

_SUFFICIENT = 1e-4  # c1
_CURVATURE = 0.9  # c2
_HISTORY = 20
_HISTORY_CURVED = 5  # with a start matrix old steps, taken where the function curved otherwise, do more harm than good
_TRIES = 25
_GROWTH = 10.0
_ROUNDING = 1e-7  # of the loss, relative
_REFRESH = 10  # iterations with one start matrix

Function = Callable[[torch.Tensor], Value]
Matrix = Callable[[torch.Tensor], torch.Tensor]
"""A symmetric positive definite matrix, as its product with a vector."""
Pairs = deque[tuple[torch.Tensor, torch.Tensor, float]]
"""The memory: steps, changes of the gradient, and their products."""


@runtime_checkable
class Curved(Protocol):
    """A function that knows roughly how it curves."""

    def __call__(self, point: torch.Tensor) -> Value:
        """Return the function at ``point`` (p,)."""

    def start_matrix(self, point: torch.Tensor, iteration: int) -> Matrix:
        """Return an estimate of the inverse Hessian at ``point``, the same whenever it is asked for."""


class DivergedError(BlindspotsError, ArithmeticError):
    """The loss or its gradient is not finite."""


@dataclass(frozen=True)
class Point:
    """Where the minimisation stands."""

    weights: torch.Tensor
    """(p,) the point."""
    value: Value
    """The function there."""
    gradient_norm: float
    """Euclidean norm of the gradient there."""
    evaluations: int
    """Evaluations of the function so far."""


@dataclass(frozen=True)
class _Trial:
    """A point of the line search: its step, the function there and its slope along the direction."""

    step: float
    value: Value
    slope: float


def minimise(function: Function, start: torch.Tensor) -> Iterator[Point]:
    """Yield the start, then the point after each iteration of L-BFGS; end where no step improves on the last point.

    ``function`` returns loss and gradient at a vector (p,). Raises :class:`DivergedError` where the start's loss is not
    finite; a step to such a point is cut back. On a CPU torch works in one thread meanwhile, since several add up in
    another order: the points do not depend on how many there are.
    """
    points = _iterate(function, start)
    while True:
        with one_thread() if start.device.type == "cpu" else nullcontext():
            point = next(points, None)
        if point is None:
            return
        yield point


def _iterate(function: Function, start: torch.Tensor) -> Iterator[Point]:
    """Do what :func:`minimise` does."""
    point, value = start.clone(), function(start)
    evaluations = 1
    if not _finite(value):
        raise DivergedError(f"the loss is {value.loss} where the minimisation begins")
    yield Point(point, value, _norm(value.gradient), evaluations)
    pairs: Pairs = deque(maxlen=_HISTORY_CURVED if isinstance(function, Curved) else _HISTORY)
    matrix: Matrix | None = None
    iteration, plain_until = 0, 0
    while True:
        if isinstance(function, Curved) and iteration >= plain_until and (iteration % _REFRESH == 0 or matrix is None):
            matrix = function.start_matrix(point, iteration)
        direction = _direction(value.gradient, pairs, matrix)
        slope = _dot(value.gradient, direction)
        trial: _Trial | None = None
        if slope < 0:
            first = 1.0 if pairs or matrix else 1 / max(1.0, _norm(value.gradient))
            trial, tried = _line_search(function, point, direction, _Trial(0.0, value, slope), first)
            evaluations += tried
        if trial is None:  # the memory has been spoilt by rounding, or else the matrix is of no use here
            if pairs:
                pairs.clear()
            elif matrix:
                matrix, plain_until = None, iteration + _REFRESH
            else:
                return
            continue
        step = direction * trial.step
        change = trial.value.gradient - value.gradient
        curvature = _dot(step, change)
        # y's > 0 keeps the estimate positive definite (6.7); the Wolfe conditions promise it, rounding may break it
        if curvature > 1e-10 * _dot(change, change) * trial.step:
            pairs.append((step, change, curvature))
        point, value, iteration = point + step, trial.value, iteration + 1
        yield Point(point, value, _norm(value.gradient), evaluations)


def _direction(gradient: torch.Tensor, pairs: Pairs, matrix: Matrix | None) -> torch.Tensor:
    """Return minus the inverse Hessian's estimate times the gradient (algorithm 7.4, the two-loop recursion).

    In the book's names ``step`` is s_i, ``change`` y_i and ``curvature`` y_i's_i = 1 / rho_i; ``direction`` is
    first -q, then -r: the recursion is linear in what it begins with.
    """
    direction = -gradient
    alphas = []
    for step, change, curvature in reversed(pairs):  # the newest first: alpha_i = rho_i s_i'q; q = q - alpha_i y_i
        alpha = _dot(step, direction) / curvature
        direction.add_(change, alpha=-alpha)
        alphas.append(alpha)
    if matrix:
        direction = matrix(direction)  # r = gamma H0 q, gamma below
    if pairs:
        # equation 7.20, of the newest pair: gamma = s'y / y'y; with a matrix s'y / y'H0 y. Then
        # y' (gamma H0) y = s'y, as it is for the inverse of the mean Hessian between the two points, which makes s of y
        _, change, curvature = pairs[-1]
        direction.mul_(curvature / _dot(change, matrix(change) if matrix else change))
    for (step, change, curvature), alpha in zip(pairs, reversed(alphas), strict=True):  # the oldest first
        direction.add_(step, alpha=alpha - _dot(change, direction) / curvature)  # r = r + s_i (alpha_i - rho_i y_i'r)
    return direction


def _line_search(
    function: Function, point: torch.Tensor, direction: torch.Tensor, begin: _Trial, first: float
) -> tuple[_Trial | None, int]:
    """Return a trial that satisfies the Wolfe conditions, or the best that lowers the loss, or None; and the tries.

    A trial's ``loss`` and ``slope`` are phi(t) and phi'(t), phi the loss along the direction. Wanted are phi(t) <=
    phi(0) + c1 t phi'(0) (equation 3.7a) and abs(phi'(t)) <= -c2 phi'(0) (3.7b).
    """

    def at(step: float) -> _Trial:
        value = function(point + direction * step)
        return _Trial(step, value, _dot(value.gradient, direction))

    def is_low(trial: _Trial) -> bool:
        if not _finite(trial.value):
            return False
        if trial.value.loss <= begin.value.loss + _SUFFICIENT * trial.step * begin.slope:
            return True
        # where phi is flat to rounding, (3.7a) of the parabola with the slopes phi'(0) and phi'(t): approximate Wolfe
        flat = trial.value.loss <= begin.value.loss + _ROUNDING * abs(begin.value.loss)
        return flat and trial.slope <= (2 * _SUFFICIENT - 1) * begin.slope

    # Algorithm 3.5 while there is no upper end: steps grow until a minimum is bracketed. Then 3.6 ("zoom"): of the ends
    # ``low`` is the lower, low enough for (3.7a), and phi falls from it towards ``high``.
    low, high, step = begin, None, first
    for tried in range(1, _TRIES + 1):
        trial = at(step)
        lower = is_low(trial) and (low is begin or trial.value.loss <= low.value.loss * (1 + _ROUNDING))
        if lower and abs(trial.slope) <= -_CURVATURE * begin.slope:
            return trial, tried
        if not lower:
            high = trial
        else:
            if trial.slope * ((high.step if high else math.inf) - low.step) >= 0:
                high = low
            low = trial
        if high is None:
            step = min(_GROWTH * step, max(2 * step, _cubic(begin, trial, step * 2, step * _GROWTH)))
            continue
        left, right = sorted((low.step, high.step))
        if right - left <= 1e-9 * right:
            break
        margin = 0.1 * (right - left)
        step = _cubic(low, high, left + margin, right - margin)
    return (low if low is not begin else None), tried


def _cubic(one: _Trial, other: _Trial, least: float, most: float) -> float:
    """Return the minimiser of the cubic through two trials (3.59), kept in [least, most]; its middle where none is."""
    if not (_finite(one.value) and _finite(other.value)):
        return least + 0.1 * (most - least)
    # d1 = bend, d2 = root: t = t_i - (t_i - t_j) (phi'_i + d2 - d1) / (phi'_i - phi'_j + 2 d2), i the other, j the one
    span = other.step - one.step
    bend = one.slope + other.slope - 3 * (other.value.loss - one.value.loss) / span
    root = bend * bend - one.slope * other.slope
    if root < 0:
        return (least + most) / 2
    root = math.copysign(math.sqrt(root), span)
    below = other.slope - one.slope + 2 * root
    if below == 0:
        return (least + most) / 2
    return min(max(other.step - span * (other.slope + root - bend) / below, least), most)


def _dot(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.dot(one, other))


def _norm(vector: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(vector))


def _finite(value: Value) -> bool:
    return math.isfinite(value.loss) and math.isfinite(float(value.gradient.sum()))
