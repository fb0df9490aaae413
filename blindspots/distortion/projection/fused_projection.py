"""The fused path of the sequential projection: what :mod:`.projection` does in one pass a row.

Every pair's values are read once a round from memory and stay in the first cache from there on: normals are compared
and blended, the image is projected, and the pairs that go on are written close together, in place.
"""

from typing import Any, NamedTuple

import numpy as np
import torch

from blindspots.compiled import compiled, inlined
from blindspots.distortion.best import Best, BestArrays
from blindspots.distortion.projection.boundary import LEAST_TINIES, RELATIVE
from blindspots.distortion.projection.projection import (
    AIM,
    CHANGE,
    DOUBT,
    FLOOR,
    FROZEN,
    GAP,
    IMAGE,
    LEAD,
    MULTIPLIER,
    OVERSHOOT,
    PAST,
    SIZE,
    SLOPE,
    STEP,
    STRAIGHT,
    TARGET,
    Limits,
    Pairs,
    settled,
)

_STEPS = 60


@inlined
def _copy(source, target):  # type: ignore[no-untyped-def]
    """Copy a row. Value by value: numba takes two seconds to compile what ``target[:] = source`` may mean."""
    for j in range(target.size):
        target[j] = source[j]


@inlined
def project_row(origin, normal, level, multiplier, point):  # type: ignore[no-untyped-def]
    """Project one row as :func:`.project`; return the multiplier and the distance.

    With a the normal, b the level and ``y(mu) = clip(x + mu a)``, the mu sought is the root of ``b - a . y(mu)``, which
    falls, is convex and piecewise linear; its slope is minus the sum of ``a_j^2`` over the values that are not clipped.
    """
    zero, one = origin.dtype.type(0), origin.dtype.type(1)
    tolerance = origin.dtype.type(16 * np.finfo(origin.dtype).eps)
    reached, square = zero, zero
    for j in range(origin.size):
        reached += normal[j] * origin[j]
        square += normal[j] * normal[j]
    missing = level - reached
    if missing <= zero or square <= zero:  # x is in the half-space, or there is none: nothing moves
        _copy(origin, point)
        return zero if missing <= zero else origin.dtype.type(np.inf), zero
    least = missing / square  # without the box; clipping makes every step reach less, so the root is never below
    mu = multiplier if least < multiplier < np.inf else least
    near = tolerance * np.sqrt(square)
    size = zero
    for _ in range(_STEPS):
        short, slope, size = level, zero, zero
        for j in range(origin.size):
            free = origin[j] + mu * normal[j]
            held = min(max(free, zero), one)
            point[j] = held
            short -= normal[j] * held
            slope += normal[j] * normal[j] if zero < free < one else zero
            size += (held - origin[j]) * (held - origin[j])
        if abs(short) <= near:
            break
        if slope > zero:  # Newton's step; from the left it stays there, from the right it lands on the left
            following = max(mu + short / slope, least)
            if abs(following - mu) <= tolerance * mu:
                break
            mu = following
        elif short > zero:  # every value that the normal moves is at its bound: no point of the box reaches the level
            return origin.dtype.type(np.inf), np.sqrt(size)
        elif mu > least:  # the guess was far too large: begin without it
            mu = least
        else:
            break
    return mu, np.sqrt(size)


def fused_project(
    origin: torch.Tensor, normal: torch.Tensor, *, level: torch.Tensor, multiplier: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """As :func:`blindspots.distortion.projection.half_space.project`."""
    points = torch.empty_like(origin)
    result = torch.zeros_like(level) if multiplier is None else multiplier.clone()
    values = (origin.contiguous(), normal.contiguous(), level.contiguous(), result, points)
    _project_rows(*(value.numpy() for value in values))
    return points, result


@compiled
def _project_rows(origin, normal, level, multiplier, point):  # type: ignore[no-untyped-def]
    """Project every row; ``multiplier`` (n,), a guess, and ``point`` (n, m) are overwritten."""
    for i in range(len(origin)):
        multiplier[i], _ = project_row(origin[i], normal[i], level[i], multiplier[i], point[i])


@compiled
def nearest_half_space(rows, weight, labels, gaps, bounds, order, size):  # type: ignore[no-untyped-def]
    """Lower ``size`` (n,) to the distance of the nearest half-space in which another class leads, inside the box.

    ``gaps``: (n, k) by which the label leads; ``bounds``: (n, k) the distances without the box, rising, and ``order``
    the classes that they belong to.
    """
    normal, point = np.empty(rows.shape[1], rows.dtype), np.empty(rows.shape[1], rows.dtype)
    for i in range(len(rows)):
        for rank in range(order.shape[1]):
            if not bounds[i, rank] < size[i]:
                break
            rival = order[i, rank]
            level = gaps[i, rival]
            for j in range(normal.size):
                normal[j] = weight[rival, j] - weight[labels[i], j]
                level += normal[j] * rows[i, j]
            multiplier, distance = project_row(rows[i], normal, level, rows.dtype.type(0), point)
            if np.isfinite(multiplier):
                size[i] = min(size[i], distance)


@compiled
def _read(which, state, logits, labels, weights):  # type: ignore[no-untyped-def]
    """Do what :meth:`.TorchRounds.read` does; ``weights`` (p, k) are written."""
    rounding, over = logits.dtype.type(32 * np.finfo(logits.dtype).eps), False
    least = logits.dtype.type(LEAST_TINIES * np.finfo(logits.dtype).tiny)
    for p in range(len(which)):
        target, label = which[p, TARGET], labels[which[p, IMAGE]]
        largest = abs(logits[p, 0])
        for k in range(logits.shape[1]):
            weights[p, k] = 0
            largest = max(largest, abs(logits[p, k]))
        state[p, LEAD] = logits[p, target] - logits[p, label]
        state[p, FLOOR] = max(rounding * largest, least)
        weights[p, target], weights[p, label] = 1, -1
        over = over or (which[p, FROZEN] == 0 and state[p, LEAD] > logits.dtype.type(OVERSHOOT) * state[p, GAP])
    return over


class _Turn(NamedTuple):
    """A round as the kernels see it, on the memory of the tensors; ``pairs`` are overwritten by those that go on.

    ``relative``: the part of a margin that is relative to the length of the lead's gradient; ``settled``: the relative
    change of a distance from which a pair counts as at its end.
    """

    rows: np.ndarray
    pairs: Pairs
    fresh: np.ndarray
    found: BestArrays
    limits: Limits
    relative: np.floating[Any]
    settled: np.floating[Any]


@inlined
def _judge(turn, first, last, going, expected):  # type: ignore[no-untyped-def]
    """Offer an image's points to the best, and mark in ``going`` which of its pairs, ``first`` to ``last``, go on."""
    pairs, fresh, found, limits = turn.pairs, turn.fresh, turn.found, turn.limits
    relative, settled = turn.relative, turn.settled
    one, zero = fresh.dtype.type(1), fresh.dtype.type(0)
    which, state = pairs.which, pairs.state
    here = which[first, IMAGE]
    for p in range(first, last):
        square, apart = zero, zero
        for j in range(fresh.shape[1]):
            square += fresh[p, j] * fresh[p, j]
            apart += (fresh[p, j] - pairs.normal[p, j]) * (fresh[p, j] - pairs.normal[p, j])
        norm, lead, size = np.sqrt(square), state[p, LEAD], state[p, SIZE]
        aim = relative * norm + state[p, FLOOR]
        state[p, AIM] = aim
        beyond = lead >= aim / 2  # as boundary.enough
        if beyond and size < found.size[here]:
            found.size[here], found.target[here] = size, which[p, TARGET]
            _copy(pairs.point[p], found.point[here])
        expected[p] = size
        if which[p, FROZEN]:  # along its fixed normal: how much the lead rose for what was asked of it, for the secant
            rise = (lead - state[p, PAST]) / state[p, STEP]
            state[p, SLOPE] = min(max(rise, fresh.dtype.type(0.25)), fresh.dtype.type(4))
            going[p] = not beyond
            continue
        still = state[p, CHANGE] <= settled
        straight = np.sqrt(apart) <= fresh.dtype.type(STRAIGHT) * norm
        straight = straight and lead - aim <= max(settled * norm * size, aim / 2)
        # at its end: beyond, and either it hardly moved, or the normal hardly turned and the lead is what was aimed at,
        # so that the optimality conditions hold; lost: no gradient, and no point of the box on the half-space before
        lost = norm == zero and not np.isfinite(state[p, MULTIPLIER])
        going[p] = not (lost or (beyond and (still or straight)))
        if norm > zero:  # Newton's step along the normal, as if the box were not there
            expected[p] = size + (aim - lead) / norm
        if going[p] and not beyond and (limits.must_freeze or (still and limits.may_freeze)):
            which[p, FROZEN], state[p, SLOPE] = 1, one
    # of the image's pairs those go on that may still be the nearest
    least = found.size[here]
    for p in range(first, last):
        if np.isfinite(state[p, MULTIPLIER]):  # as far as it is for certain: no promise may drop what is found
            least = min(least, max(expected[p], state[p, SIZE]))
    for p in range(first, last):
        if which[p, FROZEN]:
            going[p] = going[p] and state[p, SIZE] < found.size[here]
        elif np.isfinite(least):
            doubt = fresh.dtype.type(DOUBT) * abs(expected[p] - state[p, SIZE])
            going[p] = going[p] and expected[p] - doubt <= limits.factor * least


@inlined
def _project(turn, first, last, going, kept):  # type: ignore[no-untyped-def]
    """Project an image's going pairs anew, write them from ``kept`` on, and return where the next are written."""
    rows, pairs, fresh, found, limits = turn.rows, turn.pairs, turn.fresh, turn.found, turn.limits
    one, zero = fresh.dtype.type(1), fresh.dtype.type(0)
    which, state, normal, point = pairs.which, pairs.state, pairs.normal, pairs.point
    here = which[first, IMAGE]
    begin, least = kept, found.size[here]
    for p in range(first, last):
        if not going[p]:
            continue
        frozen = which[p, FROZEN] != 0
        share = zero if frozen else fresh.dtype.type(limits.share)
        before, past = state[p, SIZE], state[p, LEAD]
        # the half-space g(y) + a . (y' - y) >= aim in the form a . y' >= level; a frozen pair's step is the secant's
        step = (state[p, AIM] - past) / (state[p, SLOPE] if frozen else one)
        level = step
        if limits.first:
            for j in range(rows.shape[1]):
                level += fresh[p, j] * rows[here, j]
                normal[kept, j] = fresh[p, j]
        else:
            for j in range(rows.shape[1]):
                blended = normal[p, j] + share * (fresh[p, j] - normal[p, j])
                level += blended * point[p, j]
                normal[kept, j] = blended
        _copy(which[p], which[kept])
        _copy(state[p], state[kept])
        multiplier, size = project_row(rows[here], normal[kept], level, state[p, MULTIPLIER], point[kept])
        state[kept, MULTIPLIER], state[kept, SIZE], state[kept, STEP], state[kept, PAST] = multiplier, size, step, past
        state[kept, CHANGE] = abs(size - before) / size if size > zero else zero
        if np.isfinite(multiplier):
            least = min(least, size)
        kept += 1
    # those that are projected too far away are dropped, the others move together
    projected, kept = kept, begin
    for p in range(begin, projected):
        reachable = np.isfinite(state[p, MULTIPLIER]) and state[p, SIZE] <= limits.loose * least
        if not (reachable or which[p, FROZEN] or not np.isfinite(least)):
            continue
        if p > kept:
            _copy(which[p], which[kept])
            _copy(state[p], state[kept])
            _copy(normal[p], normal[kept])
            _copy(point[p], point[kept])
        kept += 1
    return kept


@compiled
def _advance(turn):  # type: ignore[no-untyped-def]
    """Do what :meth:`.TorchRounds.advance` does; return how many pairs stay.

    An image's pairs stand together, and are judged and projected while they are still in the cache.
    """
    which, count = turn.pairs.which, len(turn.pairs.which)
    going, expected = np.ones(count, np.bool_), np.empty(count, turn.fresh.dtype)
    kept, first = 0, 0
    while first < count:
        last = first
        while last < count and which[last, IMAGE] == which[first, IMAGE]:
            last += 1
        if not turn.limits.first:
            _judge(turn, first, last, going, expected)
        kept = _project(turn, first, last, going, kept)
        first = last
    return kept


class FusedRounds:
    """The rounds' work by compiled kernels, on a CPU."""

    def read(self, pairs: Pairs, logits: torch.Tensor, *, labels: torch.Tensor) -> tuple[torch.Tensor, bool]:
        """Set the pairs' leads and floors; return the leads' weights and whether one is far beyond the boundary."""
        weights = torch.empty_like(logits)
        return weights, _read(*(each.numpy() for each in (pairs.which, pairs.state, logits, labels, weights)))

    def advance(self, rows: torch.Tensor, pairs: Pairs, *, fresh: torch.Tensor, best: Best, limits: Limits) -> Pairs:
        """Offer the points beyond the boundary to ``best``, and project the images of the pairs that may win anew."""
        arrays: Any = [value.numpy() for value in pairs]
        of = fresh.numpy().dtype.type
        margins = of(RELATIVE[fresh.dtype]), of(settled(fresh.dtype))
        turn = _Turn(rows.numpy(), Pairs(*arrays), fresh.numpy(), best.arrays(), limits, *margins)
        return pairs.first(_advance(turn))
