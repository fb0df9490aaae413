"""How far images can be moved within the box before a network that is linear in pieces may misread them: proved.

Within a ball of radius e the relaxation gives each lead a linear bound, which proves a distance d(e): no image of the
ball that is nearer is misread. So ``min(e, d(e))`` is proved for every e; the larger e, the looser the relaxation, and
the largest such radius is where the two meet.
"""

from dataclasses import dataclass, fields, replace

import torch

from blindspots.device import rows_at_once
from blindspots.spectral.relaxation.backward import Ranges
from blindspots.spectral.relaxation.ball import Box
from blindspots.spectral.relaxation.branching import Branching, Frontier, at_images, least_of
from blindspots.spectral.relaxation.misread import descended
from blindspots.spectral.relaxation.own_rounding import own_errors
from blindspots.spectral.relaxation.pieces import Pieces, lead_rows, others
from blindspots.spectral.relaxation.ranges import Forms, ranges
from blindspots.spectral.relaxation.slopes import Proved, Slopes, begun, proved

_IMAGES = 16
_ARRAYS = 12
"""Of the network's largest node, for each lead of an image."""
_DESCENT = 32
_ROUNDS = 6
"""Balls tried between what is proved and what is not."""
_STEPS = 12
"""Of the search for slopes in each."""
_CLOSE = 1e-4
_LAST, _LEAST_STEP, _FARTHEST_STEP = 0.015, 0.002, 0.1
"""Of the nearest misread image's distance: where no more is left it is to be proved whole; the steps of balls."""
_SHARE, _MOST = 0.45, 0.75
"""Of the parts that are left: what the next ball is foreseen to take, and what it may take."""
_GROWTH, _LEAST_GROWTH = 30.0, 1.3
"""How the logarithm of a ball's parts grows over the whole distance where that is not known; by which factor parts grow
from a ball to the next at the least."""
_DOWN = 1 - 1e-9
_HERE = 1e-9
"""Of the farthest image's distance: the radius of a ball that is the image itself."""
_ROUNDED = 0.9
"""Of the nearest misread image's distance: where rounding leaves less of it, it is bounded anew in every ball."""


@dataclass(frozen=True)
class Radii:
    """What is proved of images, and what was found beside."""

    proved: torch.Tensor
    """(n,) Euclidean: no image of the box that is nearer is misread; 0 where it is itself."""
    found: torch.Tensor
    """(n,) Euclidean: how near the nearest misread image is that was found; infinity without."""
    off: torch.Tensor
    """(n, k) what the dtype's rounding may put the logits of the image itself off; 0 over the reals, and infinite where
    it is misread."""


@torch.no_grad()
def relaxed_radii(
    network: Pieces,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    dtype: torch.dtype | None = None,
    branching: Branching | None = None,
) -> Radii:
    """Return what is proved of ``images`` (n, ...) float64 in [0, 1] with ``labels`` (n,), and what was found.

    The rounding of the proof itself is bounded and taken off. ``dtype``: that in which the network is evaluated, whose
    rounding is taken off too; without, the proof is of the network over the reals. ``branching``: how far to go on,
    where the relaxation does not reach what is found, by branch and bound.
    """
    forms = Forms(network)
    classes = network.nodes[-1].shape[0]
    largest = max(each.numel() for each in network.sizes)
    most = rows_at_once(largest * (classes - 1), arrays=_ARRAYS, most=_IMAGES)
    parts = [
        _some(network, forms, some, own, dtype, branching)
        for some, own in zip(images.split(most), labels.split(most), strict=True)
    ]
    return Radii(*(torch.cat([getattr(each, name.name) for each in parts]) for name in fields(Radii)))


def _some(
    network: Pieces,
    forms: Forms,
    images: torch.Tensor,
    labels: torch.Tensor,
    dtype: torch.dtype | None,
    branching: Branching | None,
) -> Radii:
    classes = network.nodes[-1].shape[0]
    rivals = others(labels, classes)
    every = lead_rows(labels[:, None].expand_as(rivals).flatten(), rivals.flatten(), classes)
    logits = network.logits(images)
    doubt = every.abs() @ network.allowances[-1][0]
    ahead = (every * logits.repeat_interleave(classes - 1, dim=0)).sum(dim=1) > doubt
    right = ahead.reshape(len(images), -1).all(dim=1)
    none = torch.zeros_like(right, dtype=torch.float64)
    unknown = torch.full_like(logits, 0.0 if dtype is None else torch.inf)
    if not bool(right.any()):
        return Radii(none, none.clone(), unknown)
    box, rows = Box.around(images[right]), every.reshape(len(images), -1, classes)[right]
    search = _Search(network, forms, box, rows, dtype)
    search.relax()
    if branching is not None:
        search.branch(branching)
    # where no image of the box is farther than what is proved, none is misread at all
    low = torch.where(search.low >= box.farthest, torch.inf, search.low * _DOWN)
    radius, found, off = none.clone(), none.clone(), unknown
    # over the reals, what may be misread is
    near = search.found if dtype is None else search.misread
    radius[right], found[right], off[right] = low, near, search.at_the_image()
    return Radii(radius, found, off)


@dataclass(frozen=True)
class _Pace:
    """How the parts that a ball takes grow with its radius, as far as was seen: exponentially."""

    parts: torch.Tensor
    """(n,) that the last ball took that was proved."""
    growth: torch.Tensor
    """(n,) of their logarithm, by the radius."""

    def step(self, left: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        """Return by how much larger (n,) the next ball may be, of the parts that are ``left`` (n,)."""
        room = (_SHARE * left / self.parts).clamp_min(1).log() / self.growth
        return torch.minimum(room, _FARTHEST_STEP * high)

    def after(
        self, active: torch.Tensor, reached: torch.Tensor, gained: torch.Tensor, step: torch.Tensor, spent: torch.Tensor
    ) -> "_Pace":
        """Return what is known after a ball by ``step`` larger, which took ``spent`` parts (n,) and was ``reached``."""
        factor = (spent.to(step).clamp_min(1) / self.parts).clamp_min(_LEAST_GROWTH)
        seen = active & reached & (spent > 1)
        growth = torch.where(seen, factor.log() / gained.clamp_min(1e-300), self.growth)
        # one that was not reached would have taken more: half as far next time
        failed = active & ~reached
        growth = torch.where(failed, torch.maximum(2 * self.growth, 2 * factor.log() / step.clamp_min(1e-300)), growth)
        return _Pace(torch.where(seen, spent.to(step), self.parts), growth)


class _Search:
    """What is proved and found of a few images that are read rightly, with all their leads (n, c, k)."""

    def __init__(self, network: Pieces, forms: Forms, box: Box, rows: torch.Tensor, dtype: torch.dtype | None) -> None:
        self.network, self.forms, self.box, self.dtype = network, forms, box, dtype
        count, rivals = rows.shape[:2]
        self.image = torch.arange(count, device=rows.device).repeat_interleave(rivals)
        """Whose each lead is, of those that are not proved as far as the nearest misread image found."""
        self.rows = rows.flatten(0, 1)
        self.off = box.low.new_zeros(count, rows.shape[2])
        """(n, k) what rounding may put the logits off, as far as anything is to be proved."""
        self.found = self.misread = self._descended()
        """(n,) how near an image is that may be misread, for what rounding may do, and one that is over the reals."""
        self.low = torch.zeros_like(self.found)
        self.slopes: Slopes | None = None
        self.known = ranges(network, forms, box, self.high)
        """Bounds that hold as far as anything is to be proved."""
        if dtype is not None:
            self.off = own_errors(network, box, self.high, self.known, dtype)
            # Errors grow with what values may be in the ball: in a deep network's largest they can be all there is of a
            # lead, and in one that can be proved next to nothing.
            rounded = self._descended()
            self.found = torch.where(rounded < _ROUNDED * self.found, self.found, torch.minimum(self.found, rounded))

    def _descended(self) -> torch.Tensor:
        box = self.box.at(self.image)
        start = torch.zeros_like(box.low)
        near = descended(self.network, box, self.rows, self._allowance(self.off), start, steps=_DESCENT)
        return least_of(near.distance, self.image, len(self.off))

    @property
    def high(self) -> torch.Tensor:
        """What is to be proved of each image (n,): to the nearest misread one, or to the farthest of the box."""
        return torch.minimum(self.found, self.box.farthest)

    def relax(self) -> None:
        """Prove what can be proved without branches."""
        high = self.high
        shown = self._proved(high, self.known, self.off)
        self.low = torch.minimum(high, self._reached(shown))
        # a lead that holds in the largest ball holds in all
        left = (shown.distance < high[self.image]).nonzero()[:, 0]
        self.image, self.rows = self.image[left], self.rows[left]
        self.slopes = shown.parts.at(left).slopes
        # over the logarithm of the radius, that of what is proved by it falls about as a line
        ahead, behind = torch.full_like(high, torch.nan), (self.low / high).log().clamp_min(-3)
        for _ in range(_ROUNDS):
            still = self.low < high * (1 - _CLOSE)
            if not bool(still.any()):
                break
            share = (ahead / (ahead - behind)).clamp(0.4, 0.6).nan_to_num(0.5)
            between = self.low * (high / self.low.clamp_min(1e-300)) ** share
            between = torch.where(self.low > high / 9, between, high / 8)
            trial = torch.where(still, between, self.low)
            shown, _ = self._within(trial)
            self.slopes = shown.parts.slopes
            reached = self._reached(shown)
            fell, ratio = reached < trial, (reached / trial).log()
            ahead, behind = torch.where(fell, ahead, ratio.clamp_max(1)), torch.where(fell, ratio.clamp_min(-3), behind)
            self.low = torch.maximum(self.low, torch.minimum(trial, reached))
            high = torch.where(fell, trial, high)

    def branch(self, branching: Branching) -> None:
        """Prove more by branch and bound, ball by ball, each as much larger as the parts that are left allow."""
        left = torch.full_like(self.image.new_zeros(len(self.found)), branching.parts)
        pace = _Pace(torch.ones_like(self.low), _GROWTH / self.high.clamp_min(1e-300))
        while True:
            step = pace.step(left, self.high)
            active = (self.low < self.high * (1 - branching.close)) & (step > _LEAST_STEP * self.high)
            if not bool(active.any()):
                break
            goal = torch.where(active, self.low + step, self.low)
            goal = torch.where(active & (goal > (1 - _LAST) * self.high), self.high, goal)
            shown, off = self._within(goal)
            open_ = (active[self.image] & (shown.distance < goal[self.image])).nonzero()[:, 0]
            frontier = Frontier(self.network, off, branching, goal=goal, found=self.found, low=self.low)
            if len(open_):
                frontier.enter(shown.parts.at(open_), self.image[open_])
                frontier.go_on((_MOST * left).ceil().long())
            left = (left - frontier.spent).masked_fill(frontier.over, 0)
            before, self.found = self.low, frontier.found
            self.low = torch.where(active, torch.maximum(self.low, frontier.proved()), self.low)
            reached = self.low >= torch.minimum(goal, self.high * (1 - branching.close)) * _DOWN
            pace = pace.after(active, reached, self.low - before, step, frontier.spent)

    def at_the_image(self) -> torch.Tensor:
        """Return what rounding may put the logits (n, k) of the images themselves off."""
        if self.dtype is None:
            return self.off
        here = _HERE * self.box.farthest
        return self._off(here, ranges(self.network, self.forms, self.box, here, self.known))

    def _off(self, radius: torch.Tensor, known: Ranges) -> torch.Tensor:
        if self.dtype is None:
            return self.off
        return torch.fmin(self.off, own_errors(self.network, self.box, radius, known, self.dtype))

    def _within(self, radius: torch.Tensor) -> tuple[Proved, torch.Tensor]:
        """Return what the relaxation proves of the leads within radii (n,), with bounds of their own, and ``off``."""
        near = ranges(self.network, self.forms, self.box, radius, self.known)
        off = self._off(radius, near)
        return self._proved(radius, near, off), off

    def _proved(self, radius: torch.Tensor, known: Ranges, off: torch.Tensor) -> Proved:
        parts = begun(self.box.at(self.image), self.rows, at_images(known, self.image))
        if self.slopes is not None:
            parts = replace(parts, slopes=self.slopes)
        return proved(self.network, parts, radius[self.image], steps=_STEPS, allowance=self._allowance(off))

    def _allowance(self, off: torch.Tensor) -> torch.Tensor:
        """Return what is taken off each lead for the dtype's rounding, which puts logits ``off`` (n, k)."""
        return (self.rows.abs() * off[self.image]).sum(dim=1)

    def _reached(self, shown: Proved) -> torch.Tensor:
        return least_of(shown.distance, self.image, len(self.found))
