"""The best linear bound of a lead: slopes and multipliers by gradient ("alpha-CROWN", Xu and others 2021).

Any slopes in [0, 1] and multipliers >= 0 give a bound that holds. So they are looked for in floating point and the best
are kept; what they prove is worked out once, with what rounding may come to taken off.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch

from blindspots.spectral.relaxation.backward import Form, Ranges, backwards, lines, sloped
from blindspots.spectral.relaxation.ball import Box, least, nearest
from blindspots.spectral.relaxation.pieces import Pieces

Slopes = dict[int, torch.Tensor]
"""By a rectifier's place: (n, ...)."""


_RATE, _LAST, _LEAST_STEPS = 0.15, 0.2, 40
"""Of the first step, in units of the variables, what is left of that at the last one, and of how many at the least."""
_FIRST, _SECOND = 0.8, 0.98
"""Decays of the means of gradients and of their squares."""


class Ascent:
    """Variables, which are changed in place."""

    def __init__(
        self,
        variables: Sequence[torch.Tensor],
        *,
        scales: Sequence[float | torch.Tensor],
        most: Sequence[float],
        steps: int,
    ) -> None:
        """Take ``variables`` between 0 and ``most``, in which units each moves, and how many steps are to come."""
        self.variables, self.scales, self.most = variables, scales, most
        self._decay = _LAST ** (1 / max(steps, _LEAST_STEPS))
        self._first = [torch.zeros_like(each) for each in variables]
        self._second = [torch.zeros_like(each) for each in variables]
        self._steps = 0

    def step(self, value: torch.Tensor) -> None:
        """Move up the gradient of the sum of ``value`` (n,), which was computed from the variables."""
        gradients = torch.autograd.grad(value, self.variables, torch.ones_like(value), allow_unused=True)
        rate = _RATE * self._decay**self._steps
        self._steps += 1
        with torch.no_grad():
            for at, (each, gradient) in enumerate(zip(self.variables, gradients, strict=True)):
                if gradient is None:
                    continue
                self._first[at].mul_(_FIRST).add_(gradient, alpha=1 - _FIRST)
                self._second[at].mul_(_SECOND).addcmul_(gradient, gradient, value=1 - _SECOND)
                mean = self._first[at] / (1 - _FIRST**self._steps)
                root = (self._second[at] / (1 - _SECOND**self._steps)).sqrt()
                each.requires_grad_(False)
                each.add_(rate * self.scales[at] * mean / root.clamp_min(1e-150)).clamp_(0, self.most[at])
                each.requires_grad_(True)


@dataclass(frozen=True)
class Parts:
    """Parts of balls, each with one lead: an image, and which rectifiers are known to be on or off there."""

    box: Box
    rows: torch.Tensor
    """(n, k) the leads, of the logits."""
    ranges: Ranges
    """Within the part, the ball and the box."""
    splits: Slopes
    """1 where a rectifier's input is not below 0 in the part by its definition, -1 where not above, and 0."""
    slopes: Slopes
    """To begin with."""
    multipliers: Slopes
    """To begin with."""

    def at(self, places: torch.Tensor) -> "Parts":
        """Return some of the parts."""
        return Parts(
            self.box.at(places),
            self.rows[places],
            {at: (low[places], high[places]) for at, (low, high) in self.ranges.items()},
            *({at: held[places] for at, held in each.items()} for each in (self.splits, self.slopes, self.multipliers)),
        )

    @classmethod
    def joined(cls, parts: Sequence["Parts"]) -> "Parts":
        """Return all parts of several."""
        boxes = [each.box for each in parts]
        box = Box(*(torch.cat([getattr(each, name.name) for each in boxes]) for name in fields(Box)))
        places = parts[0].ranges
        ranges = {at: tuple(torch.cat([each.ranges[at][end] for each in parts]) for end in (0, 1)) for at in places}
        held = (
            {at: torch.cat([getattr(each, name)[at] for each in parts]) for at in places}
            for name in ("splits", "slopes", "multipliers")
        )
        return cls(box, torch.cat([each.rows for each in parts]), ranges, *held)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Proved:
    """What is proved of the leads of parts."""

    least: torch.Tensor
    """(n,) no image of the part within the radius has a lower lead."""
    distance: torch.Tensor
    """(n,) nor does one that is nearer than this have a lead of 0 or less; infinity where no image of the part has."""
    change: torch.Tensor
    """(n, p) where the bound itself comes to 0."""
    parts: Parts
    """With the slopes and multipliers that were found."""
    coefficients: Slopes
    """By a rectifier's place: the bound's coefficients of its outputs (n, ...)."""


def begun(box: Box, rows: torch.Tensor, ranges: Ranges) -> Parts:
    """Return whole balls as parts: no splits, and slopes by which line is the nearer one."""
    none = {place: torch.zeros_like(low) for place, (low, _) in ranges.items()}
    slopes = {place: (high > -low).to(low) for place, (low, high) in ranges.items()}
    return Parts(box, rows, ranges, none, slopes, {place: each.clone() for place, each in none.items()})


def proved(network: Pieces, parts: Parts, radius: torch.Tensor, *, steps: int, allowance: torch.Tensor) -> Proved:
    """Look for the best bounds of leads within ``radius`` (n,), for so many steps, and return what they prove.

    ``allowance``: (n,) what is taken off each lead beside the rounding of the bound itself. Of a part whose least lead
    is above 0 the search ends.
    """
    best = _improved(network, parts, radius, steps, allowance) if steps else parts
    form = _form(network, best)
    off = _off(network, best) + allowance
    image, constant = form.image[:, 0], form.constant[:, 0]
    centre = constant + (image * best.box.images).sum(dim=1) - off
    distance, change = nearest(image, centre, best.box)
    low = least(form.image, best.box, radius)[:, 0] + constant - off
    coefficients = {place: each[:, 0] for place, each in form.coefficients.items()}
    return Proved(low, distance, change, best, coefficients)


def _improved(network: Pieces, parts: Parts, radius: torch.Tensor, steps: int, allowance: torch.Tensor) -> Parts:
    """Return the parts with the best slopes and multipliers found."""
    best = torch.full_like(radius, -torch.inf)
    slopes = {place: each.clone() for place, each in parts.slopes.items()}
    multipliers = {place: each.clone() for place, each in parts.multipliers.items()}
    kept_slopes, kept_multipliers = dict(parts.slopes), dict(parts.multipliers)
    ascent: Ascent | None = None
    for step in range(steps + 1):
        now = replace(parts, slopes=slopes, multipliers=multipliers)
        if ascent is None:
            ascent = _ascent(network, now, steps)
        with torch.set_grad_enabled(step < steps):
            form = _form(network, now)
            bound = (least(form.image, parts.box, radius) + form.constant)[:, 0]
        better = bound.detach() > best
        best = torch.where(better, bound.detach(), best)
        for kept, fresh in ((kept_slopes, slopes), (kept_multipliers, multipliers)):
            for place, each in fresh.items():
                kept[place] = torch.where(_rows(better, each), each.detach(), kept[place])
        if step == steps or not bound.requires_grad or bool((best > 1e-9 + 2 * allowance).all()):
            break
        ascent.step(bound)
    return replace(parts, slopes=kept_slopes, multipliers=kept_multipliers)


def _ascent(network: Pieces, parts: Parts, steps: int) -> Ascent:
    """Return the ascent of slopes and, where there are splits, of multipliers, in units of the layer's coefficients."""
    slopes, multipliers = list(parts.slopes.values()), list(parts.multipliers.values())
    if not any(bool((each != 0).any()) for each in parts.splits.values()):
        multipliers = []
    variables = [*slopes, *multipliers]
    for each in variables:
        each.requires_grad_(True)
    scales: list[float | torch.Tensor] = [1.0] * len(slopes)
    if multipliers:
        with torch.no_grad():
            coefficients = _form(network, parts).coefficients
        for place in parts.multipliers:
            largest = coefficients[place].flatten(1).abs().amax(dim=1)
            scales.append(_rows(largest, parts.multipliers[place]))
    most = [1.0] * len(slopes) + [torch.inf] * len(multipliers)
    return Ascent(variables, scales=scales, most=most, steps=steps)


def _form(network: Pieces, parts: Parts) -> Form:
    around = {
        place: sloped(lines(low, high), parts.slopes[place][:, None], low, high)
        for place, (low, high) in parts.ranges.items()
    }
    # z >= 0 takes b z off, z <= 0 adds it
    added = {place: (-parts.splits[place] * each)[:, None] for place, each in parts.multipliers.items()}
    return backwards(network, len(network.nodes) - 1, parts.rows[:, None], around, added)


def _off(network: Pieces, parts: Parts) -> torch.Tensor:
    """Return what rounding may put off each part's bound: :attr:`.Pieces.allowances` of the lead and all multiples."""
    off = parts.rows.abs() @ network.allowances[-1][0]
    for place, each in parts.multipliers.items():
        size = network.allowances[network.nodes[place].inputs[0]]
        off = off + ((parts.splits[place] * each).abs() * size).flatten(1).sum(dim=1)
    return off


def _rows(mask: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return mask.reshape(-1, *[1] * (like.dim() - 1))
