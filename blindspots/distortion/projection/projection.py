"""The least distortion to any other class: sequential projection onto the linearised boundary.

For each of an image's most promising classes t, the lead ``g = f_t - f_label`` is linearised at the current point y,
and the *original* image is projected onto the half-space ``{y': g(y) + a . (y' - y) >= margin}``, a = grad g, inside
the box. At a fixed point the Karush-Kuhn-Tucker conditions of "minimise ||y - x|| subject to g(y) >= margin" hold.
For a linear model the first projection is exact. A pair of image and class that moves no more and is still short of
the boundary is *frozen*: its normal stays, and the half-space is moved along it by the secant of g.

The rounds' row-wise work is done by torch operations (:mod:`.torch_projection`) or by compiled
kernels (:mod:`blindspots.distortion.projection.fused_projection`).
"""

from typing import NamedTuple, Protocol

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.problem import Problem
from blindspots.distortion.projection.boundary import relative_margin, rounding_margin
from blindspots.distortion.rows import take
from blindspots.models.classifier import Classifier, contrast, difference

ROUNDS = 30
_RANKED, _MORE = 9, 63
"""Classes, by logit, whose boundaries are linearised at the image: where each costs a pass of the model, and not."""
_EVERY, _BOXED = 1e6, 4.0
"""How many times as far as the nearest a boundary may be without the box: as good as any, and among many classes this
times what it may be inside."""
_AVERAGE_FROM = 3
"""Rounds after which old and new normals are averaged, against oscillation."""
_FREEZE_FROM = 7
DOUBT = 1.0
"""Share of the last correction of a distance that the next may be."""
STRAIGHT = 0.005
"""A normal that turned by less than this angle costs no more than half its square, relative."""
OVERSHOOT = 0.3
"""A point is drawn back to the boundary when its lead is more than this share of the gap there was at the image."""
_RETRACTIONS = 6
_RESTORATIONS = 8


IMAGE, TARGET, FROZEN = range(3)
LEAD, FLOOR, GAP, SIZE, CHANGE, MULTIPLIER, SLOPE, STEP, PAST, AIM = range(10)
"""The columns of :class:`Pairs`: what a pair is of, and its numbers."""


class Pairs(NamedTuple):
    """Rows of the search, one an (image, class): those still moving, image by image.

    In few tensors, because each costs every call of a kernel some microseconds.
    """

    which: torch.Tensor
    """(p, 3) int64: place of the image, class, and whether the pair is frozen."""
    state: torch.Tensor
    """(p, 10): the lead; what rounding of the logits may change in it; by how much the label led at the image; the
    distance of the point from the image; its relative change in the last round; the projection's multiplier; of a
    frozen pair, how much the lead grew for what was asked of it; what was asked; the lead before; the lead aimed at."""
    point: torch.Tensor
    """(p, m)."""
    normal: torch.Tensor
    """(p, m) the normal in force, once projected."""

    def take(self, rows: torch.Tensor) -> "Pairs":
        """Return the rows (indices)."""
        return Pairs(*(take(value, rows) for value in self))

    def first(self, count: int) -> "Pairs":
        """Return the first ``count``, on the same memory."""
        return Pairs(*(value[:count] for value in self))


class Dropping(NamedTuple):
    """When a class is given up: its distance is so many times the least of its image."""

    first: float
    """When the image was projected onto its linearised boundary first, inside the box."""
    later: float
    """When points near the boundary were seen."""


EARLY, SMOOTH, LATE, LAST = Dropping(1.5, 1.05), Dropping(2.0, 1.1), Dropping(3.0, 1.3), Dropping(6.0, 2.0)
"""Boundaries bend towards images and away: a class that looks 2.3 times as far at first may be the nearest. The bend
of an image's own boundaries says nothing of the next."""


class Limits(NamedTuple):
    """What a round goes by."""

    factor: float
    """Pairs are dropped whose distance, doubt taken off, is expected to be this many times their image's least."""
    loose: float
    """And those whose distance, as projected, is this many times the least."""
    share: float
    """Of the fresh normal in the one in force."""
    may_freeze: bool
    must_freeze: bool
    first: bool
    """The pairs are at their images still; their points hold nothing yet."""


class Rounds(Protocol):
    """The row-wise work of a round."""

    def read(self, pairs: Pairs, logits: torch.Tensor, *, labels: torch.Tensor) -> tuple[torch.Tensor, bool]:
        """Set the pairs' leads and floors from logits (p, k) at their points.

        ``labels``: of all images. Returns the weights (p, k) that make the leads of the logits, and whether a pair that
        is not frozen went far beyond the boundary.
        """

    def advance(self, rows: torch.Tensor, pairs: Pairs, *, fresh: torch.Tensor, best: Best, limits: Limits) -> Pairs:
        """Offer the points beyond the boundary to ``best``, and project the images of the pairs that may win anew.

        ``fresh``: (p, m) the leads' gradients at the points. Returns these pairs. Overwrites ``pairs``.
        """


def settled(dtype: torch.dtype) -> float:
    """Return the relative change of a distance from which a search counts as at its end."""
    return 3e-5 if dtype == torch.float32 else 1e-7


def nearest(
    problem: Problem, labels: torch.Tensor, *, rounds: Rounds, most: int = ROUNDS, dropping: Dropping = LATE
) -> torch.Tensor:
    """Search the nearest point of the box that is read as any class but the label.

    ``problem``: a new one, whose images are read as ``labels`` (n,). Ends after at most ``most`` rounds. Returns how
    far (n,) the nearest boundary looked from each image.
    """
    rows, best, spent = problem.rows, problem.best, problem.spent
    pairs, fresh = _candidates(problem, labels, within=dropping.first)
    first = Limits(dropping.first, dropping.first, 1.0, False, False, True)
    pairs = rounds.advance(rows, pairs, fresh=fresh, best=best, limits=first)
    passes = torch.zeros_like(labels)
    looked = _least_of_images(pairs, best)
    for turn in range(1, most + _RESTORATIONS + 1):
        if not len(pairs.which):
            break
        limits = Limits(
            factor=dropping.later,
            loose=dropping.first,
            share=1.0 if turn < _AVERAGE_FROM else 0.5,
            may_freeze=turn >= _FREEZE_FROM,
            must_freeze=turn >= most,
            first=False,
        )
        image = pairs.which[:, IMAGE]
        passes.index_add_(0, image, torch.ones_like(image))
        fresh, over = _evaluate(problem.classifier, pairs, labels=labels, rounds=rounds)
        if over:
            _retract(problem, labels, pairs=pairs, fresh=fresh, rounds=rounds)
        pairs = rounds.advance(rows, pairs, fresh=fresh, best=best, limits=limits)
    for counter in (spent.iterations, spent.forwards, spent.backwards):
        counter += passes
    return looked


def far_beyond(pairs: Pairs) -> torch.Tensor:
    """Return which pairs (p,), not frozen, went so far beyond the boundary that they are drawn back."""
    return (pairs.state[:, LEAD] > OVERSHOOT * pairs.state[:, GAP]) & (pairs.which[:, FROZEN] == 0)


def _least_of_images(pairs: Pairs, best: Best) -> torch.Tensor:
    """Return the least distance (n,) of each image's pairs."""
    reachable = torch.where(torch.isfinite(pairs.state[:, MULTIPLIER]), pairs.state[:, SIZE], torch.inf)
    return torch.full_like(best.size, torch.inf).scatter_reduce(0, pairs.which[:, IMAGE], reachable, "amin")


def _candidates(problem: Problem, labels: torch.Tensor, *, within: float) -> tuple[Pairs, torch.Tensor]:
    """Return the pairs to start from, at their images, and their leads' gradients.

    Of ten classes all are taken, and dropped once an image was projected: what the box adds to a distance isn't known
    before, and a boundary that is near without it may be out of reach inside.
    """
    classifier, rows, spent = problem.classifier, problem.rows, problem.spent
    logits, tape = classifier.evaluate(rows)
    others = logits.scatter(1, labels[:, None], -torch.inf)
    most = _RANKED if classifier.costly else max(_RANKED, _MORE)
    ranked = others.topk(min(most, logits.shape[1] - 1), dim=1).indices
    gaps = logits.gather(1, labels[:, None]) - logits.gather(1, ranked)
    weights = contrast(ranked, labels[:, None], like=logits)
    wide = _EVERY if ranked.shape[1] <= _RANKED else _BOXED * within
    image, column, normals = classifier.closest(tape, weights, gaps, within=wide)
    spent.add(torch.arange(len(rows), device=rows.device), iterations=1, forwards=1)
    spent.add(image, backwards=1)
    gap = gaps[image, column]
    state = torch.zeros(len(gap), 10, dtype=rows.dtype, device=rows.device)
    state[:, LEAD], state[:, GAP], state[:, FLOOR] = -gap, gap, take(rounding_margin(logits), image)
    state[:, AIM] = relative_margin(torch.linalg.vector_norm(normals, dim=1)) + state[:, FLOOR]
    state[:, CHANGE], state[:, SLOPE], state[:, STEP] = torch.inf, 1, 1
    which = torch.stack([image, ranked[image, column], torch.zeros_like(image)], dim=1)
    return Pairs(which, state, torch.empty_like(normals), normals), normals


def _evaluate(
    classifier: Classifier, pairs: Pairs, *, labels: torch.Tensor, rounds: Rounds
) -> tuple[torch.Tensor, bool]:
    """Set the pairs' leads at their points; return the leads' gradients, and whether one is far beyond."""
    logits, tape = classifier.evaluate(pairs.point)
    weights, over = rounds.read(pairs, logits, labels=labels)
    return classifier.pullback(tape, weights), over


def _retract(problem: Problem, labels: torch.Tensor, *, pairs: Pairs, fresh: torch.Tensor, rounds: Rounds) -> None:
    """Draw the points that went far beyond the boundary back to it, and linearise there, in place.

    Where a model saturates, the gradient far beyond is no guide. The boundary is found on the segment from the image by
    false position, with the retained end's value halved so that both ends move.
    """
    over = far_beyond(pairs).nonzero()[:, 0]
    far = pairs.take(over)
    image, target, gap = far.which[:, IMAGE], far.which[:, TARGET], far.state[:, GAP]
    origin, label = take(problem.rows, image), take(labels, image)
    offset = far.point - origin
    low, low_lead = torch.zeros_like(gap), -gap
    high, high_lead = torch.ones_like(gap), far.state[:, LEAD].clone()
    for _ in range(_RETRACTIONS):
        share = low + (high - low) * (low_lead / (low_lead - high_lead)).clamp(0.05, 0.95)
        torch.addcmul(origin, offset, share[:, None], out=far.point).clamp_(0, 1)
        lead = difference(problem.classifier.logits(far.point), target, label)
        problem.spent.add(image, forwards=1)
        above = lead > 0
        low, low_lead = torch.where(above, low, share), torch.where(above, low_lead / 2, lead)
        high, high_lead = torch.where(above, share, high), torch.where(above, lead, high_lead / 2)
        if bool((lead.abs() <= OVERSHOOT / 2 * gap).all()):
            break
    far.state[:, SIZE] = torch.linalg.vector_norm(far.point - origin, dim=1)
    far.state[:, CHANGE], far.state[:, MULTIPLIER] = torch.inf, 0
    slope, _ = _evaluate(problem.classifier, far, labels=labels, rounds=rounds)
    problem.spent.add(image, iterations=1, forwards=1, backwards=1)
    fresh.index_copy_(0, over, slope)
    for value, moved in zip(pairs, far, strict=True):
        value.index_copy_(0, over, moved)
