"""The least distortion to any other class: sequential projection onto the linearised boundary.

For each of an image's most promising classes t, the lead ``g = f_t - f_label`` is linearised at the current point y,
and the *original* image is projected onto the half-space ``{y': g(y) + a . (y' - y) >= margin}``, a = grad g, inside
the box. At a fixed point the Karush-Kuhn-Tucker conditions of "minimise ||y - x|| subject to g(y) >= margin" hold.
For a linear model the first projection is exact. A pair of image and class that moves no more and is still short of
the boundary is *frozen*: its normal stays, and the half-space is moved along it by the secant of g.

The rounds' row-wise work is done by torch operations (:class:`TorchRounds`) or by compiled kernels
(:mod:`blindspots.distortion.fused_projection`).
"""

from typing import NamedTuple, Protocol

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.boundary import enough, relative_margin, rounding_margin
from blindspots.distortion.classifier import Classifier, contrast, difference
from blindspots.distortion.effort import Effort
from blindspots.distortion.half_space import project
from blindspots.distortion.rows import dot, take

ROUNDS = 30
_RANKED = 9
"""Classes, by logit, whose boundaries are linearised at the image."""
_WITHIN = 1.6
"""Of those are searched the ones whose boundary is no more than so many times as far as the nearest, box apart."""
_AVERAGE_FROM = 3
"""Rounds after which old and new normals are averaged, against oscillation."""
_FREEZE_FROM = 7
_PRUNE = (1.5, 1.25, 1.1, 1.05)
"""A class is dropped when its distance is this many times the image's least; the last stays in force."""
_OVERSHOOT = 0.3
"""A point is drawn back to the boundary when its lead is more than this share of the gap there was at the image."""
_RETRACTIONS = 6
_RESTORATIONS = 8


class Pairs(NamedTuple):
    """Rows of the search, one an (image, class): those still moving, image by image."""

    image: torch.Tensor
    target: torch.Tensor
    point: torch.Tensor
    normal: torch.Tensor
    """(p, m) the normal in force, once projected."""
    lead: torch.Tensor
    floor: torch.Tensor
    """What rounding of the logits may change in a lead."""
    gap: torch.Tensor
    """How far the label led at the image."""
    size: torch.Tensor
    """Distance of the point from its image."""
    change: torch.Tensor
    """Of the size in the last round, relative."""
    multiplier: torch.Tensor
    frozen: torch.Tensor
    slope: torch.Tensor
    """Of a frozen pair: how much the lead grew for what was asked of it."""
    step: torch.Tensor
    """What was asked of the lead in the last round, and below what it was before."""
    past: torch.Tensor
    aim: torch.Tensor

    def take(self, rows: torch.Tensor) -> "Pairs":
        """Return the rows (indices)."""
        return Pairs(*(take(value, rows) for value in self))


class Limits(NamedTuple):
    """What a round goes by."""

    factor: float
    """Pairs are dropped beyond this many times their image's least distance."""
    share: float
    """Of the fresh normal in the one in force."""
    may_freeze: bool
    must_freeze: bool


class Rounds(Protocol):
    """The row-wise work of a round."""

    def judge(self, pairs: Pairs, fresh: torch.Tensor, best: Best, limits: Limits) -> torch.Tensor:
        """Offer the points beyond the boundary to ``best``; return which pairs go on (p,). Changes ``pairs``."""

    def approach(
        self, rows: torch.Tensor, pairs: Pairs, fresh: torch.Tensor, going: torch.Tensor, best: Best, limits: Limits
    ) -> Pairs:
        """Project the images of the pairs that go on anew; return those that may win. Overwrites ``pairs``."""


def settled(dtype: torch.dtype) -> float:
    """Return the relative change of a distance from which a search counts as at its end."""
    return 3e-5 if dtype == torch.float32 else 1e-7


def nearest(
    classifier: Classifier,
    rows: torch.Tensor,
    labels: torch.Tensor,
    effort: Effort,
    rounds: Rounds,
    *,
    most: int = ROUNDS,
) -> Best:
    """Search the nearest point of the box that is read as any class but the label.

    ``rows``: (n, m) in [0, 1], read as ``labels`` (n,). Returns points (n, m), distances (Euclidean, infinite where
    nothing was found) and classes reached, after at most ``most`` rounds.
    """
    best = Best.none(rows, labels)
    pairs, fresh = _candidates(classifier, rows, labels, effort)
    everyone = torch.ones_like(pairs.frozen)
    pairs = rounds.approach(rows, pairs, fresh, everyone, best, Limits(_PRUNE[0], 1.0, False, False))
    for turn in range(1, most + _RESTORATIONS + 1):
        if not len(pairs.image):
            break
        limits = Limits(
            factor=_PRUNE[min(turn, len(_PRUNE) - 1)],
            share=1.0 if turn < _AVERAGE_FROM else 0.5,
            may_freeze=turn >= _FREEZE_FROM,
            must_freeze=turn >= most,
        )
        fresh = _evaluate(classifier, pairs, labels, effort)
        over = ((pairs.lead > _OVERSHOOT * pairs.gap) & ~pairs.frozen).nonzero()[:, 0]
        if len(over):
            _retract(classifier, rows, labels, pairs, fresh, over, effort)
        going = rounds.judge(pairs, fresh, best, limits)
        pairs = rounds.approach(rows, pairs, fresh, going, best, limits)
    return best


class TorchRounds:
    """The rounds' work by torch operations, on any device."""

    def judge(self, pairs: Pairs, fresh: torch.Tensor, best: Best, limits: Limits) -> torch.Tensor:
        """Offer the points beyond the boundary to ``best``; return which pairs go on (p,). Changes ``pairs``."""
        norm = torch.linalg.vector_norm(fresh, dim=1)
        aim = pairs.aim.copy_(relative_margin(norm) + pairs.floor)
        beyond = pairs.lead >= enough(aim)
        best.offer(pairs.image, pairs.point, torch.where(beyond, pairs.size, torch.inf), pairs.target)
        straight = torch.linalg.vector_norm(fresh - pairs.normal, dim=1) <= 1e-4 * norm
        level = (pairs.lead - aim).abs() <= enough(aim)
        still = pairs.change <= settled(norm.dtype)
        lost = (norm == 0) & ~torch.isfinite(pairs.multiplier)
        was = pairs.frozen.clone()
        pairs.slope.copy_(torch.where(was, ((pairs.lead - pairs.past) / pairs.step).clamp(0.25, 4.0), pairs.slope))
        expected = torch.where(was | (norm == 0), pairs.size, pairs.size + (aim - pairs.lead) / norm)
        going = torch.where(was, ~beyond, ~(lost | (beyond & (still | (straight & level)))))
        freeze = ~was & going & ~beyond & ((still & limits.may_freeze) | limits.must_freeze)
        pairs.slope.masked_fill_(freeze, 1.0)
        pairs.frozen.logical_or_(freeze)
        least = _least(pairs, expected, best)
        promising = (expected <= limits.factor * least) | ~torch.isfinite(least)
        return going & torch.where(pairs.frozen, pairs.size < best.size[pairs.image], promising)

    def approach(
        self, rows: torch.Tensor, pairs: Pairs, fresh: torch.Tensor, going: torch.Tensor, best: Best, limits: Limits
    ) -> Pairs:
        """Project the images of the pairs that go on anew; return those that may win."""
        if not bool(going.all()):
            index = going.nonzero()[:, 0]
            pairs, fresh = pairs.take(index), take(fresh, index)
        share = torch.where(pairs.frozen, 0.0, limits.share).to(fresh.dtype)
        normal = torch.lerp(pairs.normal, fresh, share[:, None])
        step = (pairs.aim - pairs.lead) / torch.where(pairs.frozen, pairs.slope, 1.0)
        level = dot(normal, pairs.point) + step
        origin = take(rows, pairs.image)
        point, multiplier = project(origin, normal, level, pairs.multiplier)
        size = torch.linalg.vector_norm(point - origin, dim=1)
        change = (size - pairs.size).abs() / size.clamp_min(torch.finfo(size.dtype).tiny)
        pairs = pairs._replace(
            point=point, normal=normal, multiplier=multiplier, size=size, change=change, step=step, past=pairs.lead
        )
        least = _least(pairs, size, best)
        reachable = torch.isfinite(multiplier) & (size <= limits.factor * least)
        keep = reachable | pairs.frozen | ~torch.isfinite(least)
        return pairs if bool(keep.all()) else pairs.take(keep.nonzero()[:, 0])


def _least(pairs: Pairs, distance: torch.Tensor, best: Best) -> torch.Tensor:
    """Return for each pair the least distance (p,) of its image: found, or expected of a pair."""
    reachable = torch.where(torch.isfinite(pairs.multiplier), distance, torch.inf)
    return best.size.scatter_reduce(0, pairs.image, reachable, "amin")[pairs.image]


def _candidates(
    classifier: Classifier, rows: torch.Tensor, labels: torch.Tensor, effort: Effort
) -> tuple[Pairs, torch.Tensor]:
    """Return the pairs to start from, at their images, and their leads' gradients."""
    logits, tape = classifier.evaluate(rows)
    others = logits.scatter(1, labels[:, None], -torch.inf)
    ranked = others.topk(min(_RANKED, logits.shape[1] - 1), dim=1).indices
    gaps = logits.gather(1, labels[:, None]) - logits.gather(1, ranked)
    weights = contrast(ranked, labels[:, None], logits.shape[1], logits.dtype)
    image, column, normals = classifier.closest(tape, weights, gaps, within=_WITHIN)
    effort.add(torch.arange(len(rows), device=rows.device), iterations=1, forwards=1)
    effort.add(image, backwards=1)
    gap = gaps[image, column]
    floor = take(rounding_margin(logits), image)
    zero = torch.zeros_like(gap)
    pairs = Pairs(
        image=image,
        target=ranked[image, column],
        point=take(rows, image),
        normal=normals.clone(),
        lead=-gap,
        floor=floor,
        gap=gap,
        size=zero.clone(),
        change=torch.full_like(zero, torch.inf),
        multiplier=zero.clone(),
        frozen=torch.zeros_like(gap, dtype=torch.bool),
        slope=torch.ones_like(zero),
        step=torch.ones_like(zero),
        past=zero.clone(),
        aim=relative_margin(torch.linalg.vector_norm(normals, dim=1)) + floor,
    )
    return pairs, normals


def _evaluate(classifier: Classifier, pairs: Pairs, labels: torch.Tensor, effort: Effort) -> torch.Tensor:
    """Set the pairs' leads at their points, and return the leads' gradients."""
    logits, tape = classifier.evaluate(pairs.point)
    label = take(labels, pairs.image)
    pairs.lead.copy_(difference(logits, pairs.target, label))
    pairs.floor.copy_(rounding_margin(logits))
    effort.add(pairs.image, iterations=1, forwards=1, backwards=1)
    return classifier.pullback(tape, contrast(pairs.target, label, logits.shape[1], logits.dtype))


def _retract(
    classifier: Classifier,
    rows: torch.Tensor,
    labels: torch.Tensor,
    pairs: Pairs,
    fresh: torch.Tensor,
    over: torch.Tensor,
    effort: Effort,
) -> None:
    """Draw the points ``over`` (indices) that went far beyond the boundary back to it, and linearise there, in place.

    Where a model saturates, the gradient far beyond is no guide. The boundary is found on the segment from the image by
    false position, with the retained end's value halved so that both ends move.
    """
    far = pairs.take(over)
    origin = take(rows, far.image)
    offset, target, label = far.point - origin, far.target, take(labels, far.image)
    low, low_lead = torch.zeros_like(far.lead), -far.gap
    high, high_lead = torch.ones_like(far.lead), far.lead
    share = high
    for _ in range(_RETRACTIONS):
        share = low + (high - low) * (low_lead / (low_lead - high_lead)).clamp(0.05, 0.95)
        point = torch.addcmul(origin, offset, share[:, None]).clamp_(0, 1)
        lead = difference(classifier.logits(point), target, label)
        effort.add(far.image, forwards=1)
        above = lead > 0
        low, low_lead = torch.where(above, low, share), torch.where(above, low_lead / 2, lead)
        high, high_lead = torch.where(above, share, high), torch.where(above, lead, high_lead / 2)
        if bool((lead.abs() <= _OVERSHOOT / 2 * far.gap).all()):
            break
    far = far._replace(
        point=point,
        size=torch.linalg.vector_norm(point - origin, dim=1),
        change=torch.full_like(far.change, torch.inf),
        multiplier=torch.zeros_like(far.multiplier),
    )
    fresh.index_copy_(0, over, _evaluate(classifier, far, labels, effort))
    for value, moved in zip(pairs, far, strict=True):
        value.index_copy_(0, over, moved)
