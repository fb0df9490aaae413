"""The fused path of the sequential projection: what :mod:`blindspots.distortion.projection` does in one pass a row.

Every pair's values are read once a round from memory and stay in the first cache from there on: normals are compared
and blended, the image is projected, and the pairs that go on are written close together, in place.
"""

from typing import Any, NamedTuple

import numpy as np
import torch

from blindspots.distortion.best import Best
from blindspots.distortion.boundary import RELATIVE
from blindspots.distortion.compiled import compiled
from blindspots.distortion.projection import Limits, Pairs, settled

_STEPS = 60


@compiled
def project_row(origin, normal, level, multiplier, point):  # type: ignore[no-untyped-def]
    """Project one row as :func:`blindspots.distortion.half_space.project`; return the multiplier and the distance."""
    zero, one = origin.dtype.type(0), origin.dtype.type(1)
    tolerance = origin.dtype.type(16 * np.finfo(origin.dtype).eps)
    reached, square = zero, zero
    for j in range(origin.size):
        reached += normal[j] * origin[j]
        square += normal[j] * normal[j]
    missing = level - reached
    if missing <= zero:
        point[:] = origin
        return zero, zero
    if square <= zero:
        point[:] = origin
        return origin.dtype.type(np.inf), zero
    least = missing / square
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
        if slope > zero:
            following = max(mu + short / slope, least)
            if abs(following - mu) <= tolerance * mu:
                break
            mu = following
        elif short > zero:
            return origin.dtype.type(np.inf), np.sqrt(size)
        elif mu > least:
            mu = least
        else:
            break
    return mu, np.sqrt(size)


@compiled
def project_rows(origin, normal, level, multiplier, point):  # type: ignore[no-untyped-def]
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
def _judge(pairs, fresh, going, found, limits, relative, settled):  # type: ignore[no-untyped-def]
    """Do what :meth:`blindspots.distortion.projection.TorchRounds.judge` does, writing to ``going``."""
    one, zero = fresh.dtype.type(1), fresh.dtype.type(0)
    count = len(pairs.image)
    expected = np.empty_like(pairs.size)
    first = 0
    while first < count:
        here, last = pairs.image[first], first
        while last < count and pairs.image[last] == here:
            last += 1
        for p in range(first, last):
            square, apart = zero, zero
            for j in range(fresh.shape[1]):
                square += fresh[p, j] * fresh[p, j]
                apart += (fresh[p, j] - pairs.normal[p, j]) * (fresh[p, j] - pairs.normal[p, j])
            norm, lead, size = np.sqrt(square), pairs.lead[p], pairs.size[p]
            aim = relative * norm + pairs.floor[p]
            pairs.aim[p] = aim
            beyond = lead >= aim / 2
            if beyond and size < found.size[here]:
                found.size[here], found.target[here] = size, pairs.target[p]
                found.point[here] = pairs.point[p]
            expected[p] = size
            if pairs.frozen[p]:
                rise = (lead - pairs.past[p]) / pairs.step[p]
                pairs.slope[p] = min(max(rise, fresh.dtype.type(0.25)), fresh.dtype.type(4))
                going[p] = not beyond
                continue
            still = pairs.change[p] <= settled
            straight = np.sqrt(apart) <= fresh.dtype.type(1e-4) * norm and abs(lead - aim) <= aim / 2
            lost = norm == zero and not np.isfinite(pairs.multiplier[p])
            going[p] = not (lost or (beyond and (still or straight)))
            if norm > zero:
                expected[p] = size + (aim - lead) / norm
            if going[p] and not beyond and (limits.must_freeze or (still and limits.may_freeze)):
                pairs.frozen[p], pairs.slope[p] = True, one
        least = found.size[here]
        for p in range(first, last):
            if np.isfinite(pairs.multiplier[p]):
                least = min(least, expected[p])
        for p in range(first, last):
            if pairs.frozen[p]:
                going[p] = going[p] and pairs.size[p] < found.size[here]
            elif np.isfinite(least) and not expected[p] <= limits.factor * least:
                going[p] = False
        first = last


@compiled
def _move(pairs, p, w):  # type: ignore[no-untyped-def]
    """Write pair p over pair w, but for its rows."""
    pairs.image[w], pairs.target[w], pairs.gap[w] = pairs.image[p], pairs.target[p], pairs.gap[p]
    pairs.frozen[w], pairs.slope[w], pairs.aim[w] = pairs.frozen[p], pairs.slope[p], pairs.aim[p]
    pairs.past[w], pairs.step[w] = pairs.past[p], pairs.step[p]
    pairs.size[w], pairs.change[w], pairs.multiplier[w] = pairs.size[p], pairs.change[p], pairs.multiplier[p]


@compiled
def _approach(rows, pairs, fresh, going, found, limits):  # type: ignore[no-untyped-def]
    """Do what :meth:`blindspots.distortion.projection.TorchRounds.approach` does; return how many pairs are left."""
    one, zero = fresh.dtype.type(1), fresh.dtype.type(0)
    count, kept, first = len(pairs.image), 0, 0
    while first < count:
        here, last = pairs.image[first], first
        while last < count and pairs.image[last] == here:
            last += 1
        begin, least = kept, found.size[here]
        for p in range(first, last):
            if not going[p]:
                continue
            share = zero if pairs.frozen[p] else fresh.dtype.type(limits.share)
            step = (pairs.aim[p] - pairs.lead[p]) / (pairs.slope[p] if pairs.frozen[p] else one)
            level, before, past = step, pairs.size[p], pairs.lead[p]
            for j in range(rows.shape[1]):
                blended = pairs.normal[p, j] + share * (fresh[p, j] - pairs.normal[p, j])
                level += blended * pairs.point[p, j]
                pairs.normal[kept, j] = blended
            _move(pairs, p, kept)
            pairs.step[kept], pairs.past[kept] = step, past
            mu, size = project_row(rows[here], pairs.normal[kept], level, pairs.multiplier[p], pairs.point[kept])
            pairs.multiplier[kept], pairs.size[kept] = mu, size
            pairs.change[kept] = abs(size - before) / size if size > zero else zero
            if np.isfinite(mu):
                least = min(least, size)
            kept += 1
        projected, kept = kept, begin
        for p in range(begin, projected):
            reachable = np.isfinite(pairs.multiplier[p]) and pairs.size[p] <= limits.factor * least
            if not (reachable or pairs.frozen[p] or not np.isfinite(least)):
                continue
            if p > kept:
                _move(pairs, p, kept)
                pairs.normal[kept], pairs.point[kept] = pairs.normal[p], pairs.point[p]
            kept += 1
        first = last
    return kept


class FusedRounds:
    """The rounds' work by compiled kernels, on a CPU."""

    def judge(self, pairs: Pairs, fresh: torch.Tensor, best: Best, limits: Limits) -> torch.Tensor:
        """Offer the points beyond the boundary to ``best``; return which pairs go on (p,). Changes ``pairs``."""
        going = torch.empty_like(pairs.frozen)
        of = fresh.numpy().dtype.type
        _judge(
            _arrays(pairs),
            fresh.numpy(),
            going.numpy(),
            _Found(best.point.numpy(), best.size.numpy(), best.target.numpy()),
            limits,
            of(RELATIVE[fresh.dtype]),
            of(settled(fresh.dtype)),
        )
        return going

    def approach(
        self, rows: torch.Tensor, pairs: Pairs, fresh: torch.Tensor, going: torch.Tensor, best: Best, limits: Limits
    ) -> Pairs:
        """Project the images of the pairs that go on anew; return those that may win. Overwrites ``pairs``."""
        found = _Found(best.point.numpy(), best.size.numpy(), best.target.numpy())
        kept = _approach(rows.numpy(), _arrays(pairs), fresh.numpy(), going.numpy(), found, limits)
        return Pairs(*(value[:kept] for value in pairs))


class _Found(NamedTuple):
    point: np.ndarray
    size: np.ndarray
    target: np.ndarray


def _arrays(pairs: Pairs) -> Any:
    arrays: Any = [value.numpy() for value in pairs]
    return Pairs(*arrays)
