"""The fused path of L-BFGS: what :class:`blindspots.distortion.lbfgs.TorchMinimiser` does, one row after another."""

from typing import Any, NamedTuple

import numpy as np
import torch

from blindspots.distortion.best import Best
from blindspots.distortion.compiled import compiled
from blindspots.distortion.lbfgs import (
    CLOSE,
    COARSE,
    FACTOR,
    GIVEN_UP,
    HISTORY,
    NARROW,
    SHORTEST,
    SUFFICIENT,
    Evaluation,
    Reading,
    Rows,
    Search,
)

_LOG_FACTOR = float(np.log(FACTOR))


class FusedMinimiser:
    """The rows' work by compiled kernels, on a CPU."""

    def read(self, logits: torch.Tensor, wanted: torch.Tensor) -> Reading:
        """Return what ``logits`` (n, k) say of the classes ``wanted`` (n, k)."""
        loss, lead, lacking, floor = torch.empty(4, len(logits), dtype=logits.dtype)
        weights, reached = torch.empty_like(logits), torch.empty(len(logits), dtype=torch.int64)
        reading = Reading(loss, weights, lead, reached, lacking, floor)
        arrays: Any = [value.numpy() for value in reading]
        _read(logits.numpy(), wanted.numpy(), Reading(*arrays))
        return reading

    def propose(self, state: Rows, turn: int, search: Search) -> None:
        """Move settled rows on to their next c and set ``finished``; set every row's trial point."""
        _propose(_arrays(state), turn, search)

    def accept(self, state: Rows, at: Evaluation, best: Best, turn: int, search: Search) -> None:
        """Offer the trial points to ``best`` and take the steps where the penalised loss falls enough (Armijo)."""
        found = _Found(best.point.numpy(), best.size.numpy(), best.target.numpy())
        arrays: Any = [value.numpy() for value in at]
        _accept(_arrays(state), Evaluation(*arrays), found, turn, search)


class _Found(NamedTuple):
    point: np.ndarray
    size: np.ndarray
    target: np.ndarray


class _State(NamedTuple):
    """The fields of :class:`blindspots.distortion.lbfgs.Rows` that the kernels use, as arrays on the same memory."""

    image: Any
    origin: Any
    point: Any
    trial: Any
    direction: Any
    total: Any
    loss: Any
    slope: Any
    lead: Any
    c: Any
    short: Any
    step: Any
    inner: Any
    outer: Any
    between: Any
    high: Any
    low: Any
    high_lead: Any
    low_lead: Any
    move_turn: Any
    move_move: Any
    finished: Any
    moves: Any
    turns: Any


def _arrays(state: Rows) -> _State:
    if state.arrays is None:
        state.arrays = _views(vars(state))
    return state.arrays


def _views(values: dict[str, Any]) -> _State:
    return _State(
        *(
            tuple(item.numpy() for item in values[name]) if isinstance(values[name], list) else values[name].numpy()
            for name in _State._fields
        )
    )


@compiled
def _read(logits, wanted, reading):  # type: ignore[no-untyped-def]
    """Do what :meth:`blindspots.distortion.lbfgs.TorchMinimiser.read` does."""
    of = logits.dtype.type
    one, zero, rounding = of(1), of(0), of(32 * np.finfo(logits.dtype).eps)
    for i in range(len(logits)):
        inside, outside, reached, largest = of(-np.inf), of(-np.inf), 0, zero
        for k in range(logits.shape[1]):
            value = logits[i, k]
            largest = max(largest, abs(value))
            if not wanted[i, k]:
                outside = max(outside, value)
            elif value > inside:
                inside, reached = value, k
        inside_sum, outside_sum = zero, zero
        for k in range(logits.shape[1]):
            share = np.exp(logits[i, k] - (inside if wanted[i, k] else outside))
            reading.weights[i, k] = share
            if wanted[i, k]:
                inside_sum += share
            else:
                outside_sum += share
        ahead = (outside + np.log(outside_sum)) - (inside + np.log(inside_sum))
        small = np.exp(-abs(ahead))
        reading.loss[i] = max(ahead, zero) + np.log1p(small)
        lacking = one / (one + small) if ahead >= zero else small / (one + small)
        for k in range(logits.shape[1]):
            total = -inside_sum if wanted[i, k] else outside_sum
            reading.weights[i, k] *= lacking / total
        reading.lead[i], reading.reached[i] = inside - outside, reached
        reading.lacking[i], reading.floor[i] = lacking, rounding * largest


@compiled
def _penalty_slope(state, i, search, residual):  # type: ignore[no-untyped-def]
    """Write the penalty's gradient to ``residual`` (m,) and return its length."""
    of = state.point.dtype.type
    x, y, g = state.origin[i], state.point[i], state.slope[i]
    zero, one, c = of(0), of(1), state.c[i]
    square = zero
    if search.squared:
        for j in range(x.size):
            residual[j] = 2 * c * (y[j] - x[j])
            square += residual[j] * residual[j]
        return np.sqrt(square)
    for j in range(x.size):
        square += (y[j] - x[j]) * (y[j] - x[j])
    size = np.sqrt(square)
    if size > zero:
        for j in range(x.size):
            residual[j] = (y[j] - x[j]) * (c / size)
        return c
    for j in range(x.size):
        blocked = (y[j] <= zero and g[j] > zero) or (y[j] >= one and g[j] < zero)
        residual[j] = zero if blocked else -g[j]
        square += residual[j] * residual[j]
    length = np.sqrt(square)
    share = min(c, length) / length if length > zero else zero
    for j in range(x.size):
        residual[j] *= share
    return min(c, length)


@compiled
def _free_slope(state, i, residual, free):  # type: ignore[no-untyped-def]
    """Write the penalised loss's gradient to ``total``, and to ``free`` without what is blocked; return its length."""
    of = state.point.dtype.type
    zero, one = of(0), of(1)
    y, g, total = state.point[i], state.slope[i], state.total[i]
    square = zero
    for j in range(y.size):
        t = residual[j] + g[j]
        total[j] = t
        blocked = (y[j] <= zero and t > zero) or (y[j] >= one and t < zero)
        free[j] = zero if blocked else t
        square += free[j] * free[j]
    return np.sqrt(square)


@compiled
def _next_c(state, i, search):  # type: ignore[no-untyped-def]
    """Move row i on to its next c, or finish it."""
    of = state.point.dtype.type
    log_c = np.log(state.c[i])
    if state.lead[i] > 0:
        state.high[i], state.high_lead[i] = max(log_c, state.high[i]), state.lead[i]
    else:
        state.low[i], state.low_lead[i] = min(log_c, state.low[i]), state.lead[i]
    high, low = state.high[i], state.low[i]
    if low == np.inf:
        following = high + of(_LOG_FACTOR)
    elif high == -np.inf:
        following = low - of(_LOG_FACTOR)
    else:
        share = state.high_lead[i] / (state.high_lead[i] - state.low_lead[i])
        share = min(max(share, of(0.1)), of(0.9)) if np.isfinite(share) else of(0.5)
        following = high + share * (low - high)
        state.between[i] += 1
    state.outer[i] += 1
    bracketed = high > -np.inf and low - high < of(CLOSE)
    enough = state.between[i] > search.values or state.outer[i] >= search.most + search.values
    if bracketed or enough or search.values == 0:
        state.finished[i] = True
    else:
        state.c[i], state.inner[i], state.step[i] = np.exp(following), 0, of(1)


@compiled
def _propose(state, turn, search):  # type: ignore[no-untyped-def]
    of = state.point.dtype.type
    zero, one = of(0), of(1)
    count, size = state.point.shape
    residual, free = np.empty(size, state.point.dtype), np.empty(size, state.point.dtype)
    weights, inverse = np.empty(HISTORY, state.point.dtype), np.empty(HISTORY, state.point.dtype)
    for i in range(count):
        length = _penalty_slope(state, i, search, residual)
        left = _free_slope(state, i, residual, free)
        near = search.values == 0 or state.low[i] - state.high[i] <= of(NARROW)
        tolerance = search.tolerance if near else max(search.tolerance, COARSE)
        if left <= of(tolerance) * length or state.inner[i] >= search.iterations:
            _next_c(state, i, search)
            _penalty_slope(state, i, search, residual)
            _free_slope(state, i, residual, free)
        y = state.point[i]
        twice = 2 * state.c[i]
        if not search.squared:
            square = zero
            for j in range(size):
                square += (y[j] - state.origin[i, j]) * (y[j] - state.origin[i, j])
            twice = state.c[i] / max(np.sqrt(square), state.short[i])
        for slot in range(HISTORY):
            own = twice * state.move_move[i, slot]
            curvature = state.move_turn[i, slot] + own
            usable = curvature > of(1e-2) * own and state.move_move[i, slot] > zero
            inverse[slot] = one / curvature if usable else zero
        reach = min(turn, HISTORY)
        for back in range(reach):
            slot = (turn - 1 - back) % HISTORY
            if inverse[slot] == zero:
                continue
            move, turned, product = state.moves[slot][i], state.turns[slot][i], zero
            for j in range(size):
                product += move[j] * free[j]
            weight = inverse[slot] * product
            along = weight * twice
            for j in range(size):
                free[j] -= weight * turned[j] + along * move[j]
            weights[slot] = weight
        scale = one / twice
        for j in range(size):
            free[j] *= scale
        for back in range(reach - 1, -1, -1):
            slot = (turn - 1 - back) % HISTORY
            if inverse[slot] == zero:
                continue
            move, turned, first, second = state.moves[slot][i], state.turns[slot][i], zero, zero
            for j in range(size):
                first += turned[j] * free[j]
                second += move[j] * free[j]
            along = weights[slot] - inverse[slot] * (first + twice * second)
            for j in range(size):
                free[j] += along * move[j]
        for j in range(size):
            t = state.total[i, j]
            blocked = (y[j] <= zero and t > zero) or (y[j] >= one and t < zero)
            d = zero if blocked else -free[j]
            state.direction[i, j] = d
            state.trial[i, j] = min(max(y[j] + state.step[i] * d, zero), one)


@compiled
def _accept(state, at, found, turn, search):  # type: ignore[no-untyped-def]
    of = state.point.dtype.type
    zero, one = of(0), of(1)
    eps, tiny = of(np.finfo(state.point.dtype).eps), of(np.finfo(state.point.dtype).tiny)
    slot = turn % HISTORY
    count, length = state.point.shape
    for i in range(count):
        x, y, z, g, fresh = state.origin[i], state.point[i], state.trial[i], state.slope[i], at.slope[i]
        far, near, expected, bent, along, turned = zero, zero, zero, zero, zero, zero
        for j in range(length):
            move, offset = z[j] - y[j], y[j] - x[j]
            far += (z[j] - x[j]) * (z[j] - x[j])
            near += offset * offset
            expected += state.total[i, j] * move
            bent += move * move
            along += move * offset
            turned += move * (fresh[j] - g[j])
        size = np.sqrt(far)
        here = state.image[i]
        if at.beyond[i] and not state.finished[i] and size < found.size[here]:
            found.size[here], found.target[here] = size, at.reached[i]
            found.point[here] = z
        c = state.c[i]
        if search.squared:
            penalty, height = c * (2 * along + bent), c * far
        else:
            penalty, height = c * (2 * along + bent) / max(size + np.sqrt(near), tiny), c * size
        change = at.loss[i] - state.loss[i] + penalty
        rounding = 8 * eps * (abs(at.loss[i]) + height)
        if change <= of(SUFFICIENT) * expected + rounding and np.isfinite(at.loss[i]):
            move_to, turn_to = state.moves[slot][i], state.turns[slot][i]
            for j in range(length):
                move_to[j] = z[j] - y[j]
                turn_to[j] = fresh[j] - g[j]
                y[j] = z[j]
                g[j] = fresh[j]
            state.move_turn[i, slot], state.move_move[i, slot] = turned, bent
            state.loss[i], state.lead[i], state.step[i] = at.loss[i], at.lead[i], one
        else:
            shorter = -expected / (2 * (change - expected))
            shorter = min(max(shorter, of(0.1)), of(0.5)) if np.isfinite(shorter) else of(0.1)
            state.step[i] *= shorter
        state.inner[i] += GIVEN_UP if state.step[i] < of(SHORTEST) else 1
