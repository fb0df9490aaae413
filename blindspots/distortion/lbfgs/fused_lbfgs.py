"""The fused path of L-BFGS: what :class:`blindspots.distortion.lbfgs.torch_lbfgs.TorchMinimiser` does, row by row."""

from typing import Any, NamedTuple

import numpy as np
import torch

from blindspots.compiled import compiled
from blindspots.distortion.best import Best
from blindspots.distortion.lbfgs.fused_proposal import propose
from blindspots.distortion.lbfgs.lbfgs import (
    GIVEN_UP,
    HISTORY,
    SHORTEST,
    SUFFICIENT,
    Evaluation,
    Reading,
    Rows,
    Search,
)
from blindspots.distortion.projection.boundary import LEAST_TINIES


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

    def propose(self, state: Rows, *, turn: int, search: Search) -> None:
        """Move settled rows on to their next c and set ``finished``; set every row's trial point."""
        propose(_arrays(state), turn, search)

    def accept(self, state: Rows, at: Evaluation, *, best: Best, turn: int, search: Search) -> None:
        """Offer the trial points to ``best`` and take the steps where the penalised loss falls enough (Armijo)."""
        arrays: Any = [value.numpy() for value in at]
        _accept(_arrays(state), Evaluation(*arrays), best.arrays(), turn, search)


class _State(NamedTuple):
    """The fields of :class:`.Rows` that the kernels use, as arrays on the same memory."""

    image: Any
    origin: Any
    point: Any
    trial: Any
    direction: Any
    total: Any
    loss: Any
    slope: Any
    lead: Any
    beyond: Any
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
    arrays: _State = state.arrays
    return arrays


def _views(values: dict[str, Any]) -> _State:
    return _State(
        *(
            tuple(item.numpy() for item in values[name]) if isinstance(values[name], list) else values[name].numpy()
            for name in _State._fields
        )
    )


@compiled
def _read(logits, wanted, reading):  # type: ignore[no-untyped-def]
    """Do what :meth:`blindspots.distortion.lbfgs.torch_lbfgs.TorchMinimiser.read` does."""
    of = logits.dtype.type
    one, zero, rounding = of(1), of(0), of(32 * np.finfo(logits.dtype).eps)
    least = of(LEAST_TINIES * np.finfo(logits.dtype).tiny)
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
        # -log of the wanted classes' share is log(1 + e^ahead), ahead the others' log-sum-exp over theirs; with
        # e^-|ahead| it neither overflows nor loses what is left where they are certain. ``lacking`` is its derivative.
        ahead = (outside + np.log(outside_sum)) - (inside + np.log(inside_sum))
        small = np.exp(-abs(ahead))
        reading.loss[i] = max(ahead, zero) + np.log1p(small)
        lacking = one / (one + small) if ahead >= zero else small / (one + small)
        # d loss / d logit_k = lacking (softmax over the others - softmax over the wanted)_k
        for k in range(logits.shape[1]):
            total = -inside_sum if wanted[i, k] else outside_sum
            reading.weights[i, k] *= lacking / total
        reading.lead[i], reading.reached[i] = inside - outside, reached
        reading.lacking[i], reading.floor[i] = lacking, max(rounding * largest, least)


@compiled
def _accept(state, at, found, turn, search):  # type: ignore[no-untyped-def]
    """Do what :meth:`blindspots.distortion.lbfgs.torch_lbfgs.TorchMinimiser.accept` does: x, y, z the image, the point
    and the trial point, g and ``fresh`` the cross-entropy's gradient at y and at z."""
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
            for j in range(length):  # numba takes two seconds to compile an assignment of rows
                found.point[here, j] = z[j]
        # the penalty's change from the step s and the offset o = y - x: c (2 s . o + s . s), no difference of squares
        c = state.c[i]
        if search.squared:
            penalty, height = c * (2 * along + bent), c * far
        else:
            penalty, height = c * (2 * along + bent) / max(size + np.sqrt(near), tiny), c * size
        # Armijo along the projected arc: F(z) - F(y) <= 1e-4 grad F(y) . s, but for the rounding of both values
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
            state.beyond[i] = at.beyond[i]
        else:  # the parabola through F(y), its slope and F(z) is lowest at this share of the step
            shorter = -expected / (2 * (change - expected))
            shorter = min(max(shorter, of(0.1)), of(0.5)) if np.isfinite(shorter) else of(0.1)
            state.step[i] *= shorter
        state.inner[i] += GIVEN_UP if state.step[i] < of(SHORTEST) else 1
