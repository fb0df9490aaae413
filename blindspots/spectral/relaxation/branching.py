"""Branch and bound on the rectifiers whose sign is open, until what is proved meets what is found.

A ball is split at a rectifier into the part where its input is not below 0 and the part where it is not above. In each
the rectifier is linear, so that the relaxation is tighter; a part whose bound reaches the nearest misread image found
is closed. What is left open, the nearest first, says how much is proved when the search ends (best first).
"""

from dataclasses import dataclass, replace

import torch

from blindspots.spectral.relaxation.backward import Ranges
from blindspots.spectral.relaxation.linear_parts import with_best_multipliers
from blindspots.spectral.relaxation.misread import descended
from blindspots.spectral.relaxation.pieces import Pieces
from blindspots.spectral.relaxation.slopes import Parts, Proved, proved

_STEPS, _LAST_STEPS = 5, 150
"""Of the search for slopes and multipliers: of each part, and of one with no rectifier left to split."""
_DESCENT = 4
_WIDTH = 1.0
"""Of the area between a rectifier's lines, in the choice of what to split at."""


@dataclass(frozen=True)
class Branching:
    """How far branch and bound goes."""

    parts: int = 2000
    """Bounded for an image at most."""
    at_once: int = 64
    close: float = 1e-4
    """What is proved is near enough to what is found where it is less by this share."""


class Frontier:
    """The parts of balls that are open, and what is known of their images."""

    def __init__(
        self,
        network: Pieces,
        off: torch.Tensor,
        branching: Branching,
        *,
        goal: torch.Tensor,
        found: torch.Tensor,
        low: torch.Tensor,
    ) -> None:
        """Take what is to be proved of images (n,), at most the radii of their balls, and what is known of them.

        ``found``: how near images are that may be misread; ``low``: what is proved; ``off``: (n, k) what may be off
        each logit.
        """
        self.network, self.off, self.branching = network, off, branching
        self.goal, self.found, self.low = goal, found, low
        self.spent = torch.zeros_like(found, dtype=torch.int64)
        """(n,) parts that were bounded."""
        self.parts: Parts | None = None
        self.image = torch.zeros(0, dtype=torch.int64, device=found.device)
        self.bound = found.new_zeros(0)
        self.place, self.unit = self.image, self.image
        """Of each part, what it is to be split at: the number of the rectifier's node, and which of its values."""
        self._ended = torch.full_like(found, torch.inf)

    @property
    def target(self) -> torch.Tensor:
        """What is to be proved of each image (n,)."""
        return torch.minimum(self.found * (1 - self.branching.close), self.goal)

    def proved(self) -> torch.Tensor:
        """Return what is proved of each image (n,)."""
        left = torch.minimum(least_of(self.bound, self.image, len(self.found)), self._ended)
        return torch.maximum(self.low, torch.minimum(left, self.target))

    @property
    def over(self) -> torch.Tensor:
        """Of each image (n,) whether nothing more can be proved, however many parts there are."""
        return self._ended < self.target

    def enter(self, roots: Parts, image: torch.Tensor) -> None:
        """Take whole balls in, of which ``image`` says whose they are."""
        self._keep(self._bounded(roots, image, steps=0), image, self.low[image])

    def go_on(self, most: torch.Tensor) -> None:
        """Split parts until all have reached the target, or until ``most`` (n,) of an image's were bounded."""
        while len(chosen := self._next(most)):
            self._split(chosen)

    def _next(self, most: torch.Tensor) -> torch.Tensor:
        """Return the places (b,) of the parts to split next: those that are least proved."""
        share = self.bound / self.target[self.image].clamp_min(1e-300)
        share = share.masked_fill(self.spent[self.image] >= most[self.image], torch.inf)
        order = share.argsort()[: self.branching.at_once]
        return order[share[order] < 1]

    def _split(self, chosen: torch.Tensor) -> None:
        """Split parts, and keep of them what stays open."""
        assert self.parts is not None
        parts, image, bound = self.parts.at(chosen), self.image[chosen], self.bound[chosen]
        place, unit = self.place[chosen], self.unit[chosen]
        stay = torch.ones_like(self.bound, dtype=torch.bool)
        stay[chosen] = False
        self._only(stay & (self.bound < self.target[self.image]))
        halves = Parts.joined([_half(parts, place, unit, 1.0), _half(parts, place, unit, -1.0)])
        image, bound = image.repeat(2), bound.repeat(2)
        self.spent = self.spent.scatter_add(0, image, torch.ones_like(image))
        self._keep(self._bounded(halves, image, steps=_STEPS), image, bound)

    def _bounded(self, parts: Parts, image: torch.Tensor, *, steps: int) -> Proved:
        allowance = self._floor(parts.rows, image)
        return proved(self.network, parts, self.target[image], steps=steps, allowance=allowance)

    def _keep(self, shown: Proved, image: torch.Tensor, bound: torch.Tensor) -> None:
        """Look for misread images where bounds end, and keep the parts that are open and can be split."""
        self._look(shown, image)
        bound = torch.maximum(bound, shown.distance)
        place, unit, any_left = _choice(self.network, shown)
        whole = ~any_left & (bound < self.target[image])
        if bool(whole.any()):
            # nothing but a linear piece is left: its bound is the least distance itself, with the best multipliers
            own, ends = image[whole], shown.parts.at(whole)
            best, change = with_best_multipliers(self.network, ends, self._floor(ends.rows, own))
            solved = self._bounded(best, own, steps=0)
            self._look(replace(solved, change=change), own)
            reached = torch.maximum(bound[whole], solved.distance)
            # the others, of many values, by steps
            left = (reached < self.target[own]).nonzero()[:, 0]
            if len(left):
                last = self._bounded(best.at(left), own[left], steps=_LAST_STEPS)
                self._look(last, own[left])
                reached[left] = torch.maximum(reached[left], last.distance)
            self._ended = self._ended.scatter_reduce(0, own, reached, "amin")
        stay = any_left & (bound < self.target[image])
        kept = shown.parts.at(stay)
        self.parts = kept if self.parts is None else Parts.joined([self.parts, kept])
        self.image, self.bound = torch.cat([self.image, image[stay]]), torch.cat([self.bound, bound[stay]])
        self.place, self.unit = torch.cat([self.place, place[stay]]), torch.cat([self.unit, unit[stay]])

    def _look(self, shown: Proved, image: torch.Tensor) -> None:
        box, rows = shown.parts.box, shown.parts.rows
        near = descended(self.network, box, rows, self._floor(rows, image), shown.change, steps=_DESCENT)
        self.found = torch.minimum(self.found, least_of(near.distance, image, len(self.found)))

    def _floor(self, rows: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Return what leads ``rows`` (b, k) have to be above, of the images that ``image`` says."""
        return (rows.abs() * self.off[image]).sum(dim=1)

    def _only(self, stay: torch.Tensor) -> None:
        assert self.parts is not None
        self.parts, self.image, self.bound = self.parts.at(stay), self.image[stay], self.bound[stay]
        self.place, self.unit = self.place[stay], self.unit[stay]


def _half(parts: Parts, place: torch.Tensor, unit: torch.Tensor, sign: float) -> Parts:
    """Return the halves of parts where the input of the rectifier ``place``, ``unit`` has the sign."""
    bounds, splits = dict(parts.ranges), dict(parts.splits)
    for each, (low, high) in parts.ranges.items():
        here = (place == each).nonzero()[:, 0]
        if not len(here):
            continue
        low, high, split = low.clone(), high.clone(), splits[each].clone()
        at = (here, unit[here])
        (low if sign > 0 else high).flatten(1)[at] = 0.0
        split.flatten(1)[at] = sign
        bounds[each], splits[each] = (low, high), split
    return replace(parts, ranges=bounds, splits=splits)


def _choice(network: Pieces, shown: Proved) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return what to split parts at, (n,) nodes of rectifiers and their values, and whether there is any left.

    That whose lines lie farthest from what it does at the point where the bound comes to 0, in units of the lead.
    """
    box = shown.parts.box
    images = (box.images + shown.change).clamp(0, 1).reshape(-1, *network.nodes[0].shape)
    values = network.values(images)
    count = len(images)
    best = torch.full_like(shown.distance, -1.0)
    places = torch.zeros_like(best, dtype=torch.int64)
    units = torch.zeros_like(places)
    for place, (low, high) in shown.parts.ranges.items():
        bent = (low < 0) & (high > 0)
        inside = torch.minimum(torch.maximum(values[network.nodes[place].inputs[0]], low), high)
        weight, slope = shown.coefficients[place], shown.parts.slopes[place]
        width = torch.where(bent, high - low, 1)
        over = high * (inside - low) / width - inside.clamp_min(0)
        under = inside.clamp_min(0) - slope * inside
        gap = torch.where(weight > 0, weight * under, -weight * over)
        # of those that are tight there, the one that could be the least
        gap = gap + _WIDTH * weight.abs() * (-low * high / width) + 1e-12 * (high - low)
        score, unit = gap.masked_fill(~bent, -1.0).reshape(count, -1).max(dim=1)
        better = score > best
        best = torch.where(better, score, best)
        places, units = torch.where(better, place, places), torch.where(better, unit, units)
    return places, units, best >= 0


def least_of(values: torch.Tensor, image: torch.Tensor, count: int) -> torch.Tensor:
    """Return the least of the ``values`` (b,) of each image (n,), of which ``image`` says whose they are."""
    return values.new_full((count,), torch.inf).scatter_reduce(0, image, values, "amin")


def at_images(known: Ranges, image: torch.Tensor) -> Ranges:
    """Return the ranges of some images, as often as ``image`` names them."""
    return {place: (low[image], high[image]) for place, (low, high) in known.items()}
