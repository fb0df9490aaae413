"""The sequential projection's rounds by torch operations, on any device."""

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.projection.boundary import enough, relative_margin, rounding_margin
from blindspots.distortion.projection.half_space import project
from blindspots.distortion.projection.projection import (
    AIM,
    CHANGE,
    DOUBT,
    FLOOR,
    FROZEN,
    IMAGE,
    LEAD,
    MULTIPLIER,
    PAST,
    SIZE,
    STEP,
    STRAIGHT,
    TARGET,
    Limits,
    Pairs,
    far_beyond,
    settled,
)
from blindspots.distortion.rows import dot, take
from blindspots.models.classifier import contrast, difference


class TorchRounds:
    """The rounds' work by torch operations, on any device."""

    def read(self, pairs: Pairs, logits: torch.Tensor, *, labels: torch.Tensor) -> tuple[torch.Tensor, bool]:
        """Set the pairs' leads and floors; return the leads' weights and whether one is far beyond the boundary."""
        target, label = pairs.which[:, TARGET], take(labels, pairs.which[:, IMAGE])
        pairs.state[:, LEAD] = difference(logits, target, label)
        pairs.state[:, FLOOR] = rounding_margin(logits)
        over = bool(far_beyond(pairs).any())
        return contrast(target, label, like=logits), over

    def advance(self, rows: torch.Tensor, pairs: Pairs, *, fresh: torch.Tensor, best: Best, limits: Limits) -> Pairs:
        """Offer the points beyond the boundary to ``best``, and project the images of the pairs that may win anew."""
        if not limits.first:
            going = self._judged(pairs, fresh, best=best, limits=limits)
            if not bool(going.all()):
                index = going.nonzero()[:, 0]
                pairs, fresh = pairs.take(index), take(fresh, index)
        return self._projected(rows, pairs, fresh=fresh, best=best, limits=limits)

    def _judged(self, pairs: Pairs, fresh: torch.Tensor, *, best: Best, limits: Limits) -> torch.Tensor:
        """Offer the points beyond the boundary, and return which pairs go on (p,)."""
        image, target, frozen = pairs.which.T
        lead, floor, _, size, change, multiplier, slope, step, past, _ = pairs.state.T
        was = frozen.bool()
        norm = torch.linalg.vector_norm(fresh, dim=1)
        aim = relative_margin(norm) + floor
        pairs.state[:, AIM] = aim
        beyond = lead >= enough(aim)
        best.offer(image, pairs.point, size=torch.where(beyond, size, torch.inf), target=target)
        # at its end: beyond, and either it hardly moved, or the normal hardly turned and the lead is what was aimed at,
        # so that the optimality conditions hold; lost: no gradient, and no point of the box on the half-space before
        straight = torch.linalg.vector_norm(fresh - pairs.normal, dim=1) <= STRAIGHT * norm
        level = lead - aim <= (settled(norm.dtype) * norm * size).maximum(enough(aim))
        still = change <= settled(norm.dtype)
        lost = (norm == 0) & ~torch.isfinite(multiplier)
        # of a frozen pair how much the lead rose for what was asked of it, for the secant
        slope.copy_(torch.where(was, ((lead - past) / step).clamp(0.25, 4.0), slope))
        # what a Newton step along the normal would make of the distance, as if the box were not there
        expected = torch.where(was | (norm == 0), size, size + (aim - lead) / norm)
        going = torch.where(was, ~beyond, ~(lost | (beyond & (still | (straight & level)))))
        freeze = ~was & going & ~beyond & ((still & limits.may_freeze) | limits.must_freeze)
        slope.masked_fill_(freeze, 1.0)
        frozen.masked_fill_(freeze, 1)
        least = _least(pairs, torch.maximum(expected, size), best)  # no promise may drop what is found
        doubt = DOUBT * (expected - size).abs()
        promising = (expected - doubt <= limits.factor * least) | ~torch.isfinite(least)
        return going & torch.where(was | freeze, size < best.size[image], promising)

    def _projected(self, rows: torch.Tensor, pairs: Pairs, *, fresh: torch.Tensor, best: Best, limits: Limits) -> Pairs:
        """Project the pairs' images anew; return those that may win."""
        frozen = pairs.which[:, FROZEN].bool()
        lead, _, _, before, _, guess, slope, _, _, aim = pairs.state.T
        share = torch.where(frozen, 0.0, limits.share).to(fresh.dtype)
        normal = fresh if limits.first else torch.lerp(pairs.normal, fresh, share[:, None])
        # the half-space g(y) + a . (y' - y) >= aim in the form a . y' >= level; a frozen pair's step is the secant's
        step = (aim - lead) / torch.where(frozen, slope, 1.0)
        origin = take(rows, pairs.which[:, IMAGE])
        level = dot(normal, origin if limits.first else pairs.point) + step
        point, multiplier = project(origin, normal, level=level, multiplier=guess)
        size = torch.linalg.vector_norm(point - origin, dim=1)
        state = pairs.state.clone()
        state[:, CHANGE] = (size - before).abs() / size.clamp_min(torch.finfo(size.dtype).tiny)
        state[:, SIZE], state[:, MULTIPLIER], state[:, STEP], state[:, PAST] = size, multiplier, step, lead
        pairs = Pairs(pairs.which, state, point, normal)
        least = _least(pairs, size, best)
        reachable = torch.isfinite(multiplier) & (size <= limits.loose * least)
        keep = reachable | frozen | ~torch.isfinite(least)
        return pairs if bool(keep.all()) else pairs.take(keep.nonzero()[:, 0])


def _least(pairs: Pairs, distance: torch.Tensor, best: Best) -> torch.Tensor:
    """Return for each pair the least distance (p,) of its image: found, or expected of a pair."""
    reachable = torch.where(torch.isfinite(pairs.state[:, MULTIPLIER]), distance, torch.inf)
    image = pairs.which[:, IMAGE]
    return best.size.scatter_reduce(0, image, reachable, "amin")[image]
