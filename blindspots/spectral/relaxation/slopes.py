"""The best linear bound of a lead: slopes and multipliers by gradient ("alpha-CROWN", Xu and others 2021).

Any slopes in [0, 1] and multipliers >= 0 give a bound that holds. So they are looked for in floating point and the best
are kept; what they prove is worked out once, with what rounding may come to taken off.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch

from blindspots.spectral.relaxation.backward import Form, Ranges, backwards, lines
from blindspots.spectral.relaxation.ball import Box, least, nearest
from blindspots.spectral.relaxation.pieces import Pieces

Slopes = dict[int, torch.Tensor]
"""By a rectifier's place: (n, ...)."""

_RATE, _DECAY = 0.15, 0.96
_FIRST, _SECOND = 0.8, 0.98
"""Adam's step, by what it falls a step, and the decay of its means."""


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
    best, held = parts, torch.full_like(radius, -torch.inf)
    if steps:
        best, held = _improved(network, parts, radius, steps, allowance)
    form = _form(network, best)
    off = _off(network, best) + allowance
    image, constant = form.image[:, 0], form.constant[:, 0]
    centre = constant + (image * best.box.images).sum(dim=1) - off
    distance, change = nearest(image, centre, best.box)
    low = least(form.image, best.box, radius)[:, 0] + constant - off
    coefficients = {place: each[:, 0] for place, each in form.coefficients.items()}
    return Proved(low, distance, change, best, coefficients)


def _improved(
    network: Pieces, parts: Parts, radius: torch.Tensor, steps: int, allowance: torch.Tensor
) -> tuple[Parts, torch.Tensor]:
    """Return the parts with the best slopes and multipliers found, and their bounds (n,)."""
    best = torch.full_like(radius, -torch.inf)
    slopes = {place: each.clone() for place, each in parts.slopes.items()}
    multipliers = {place: each.clone() for place, each in parts.multipliers.items()}
    kept_slopes, kept_multipliers = dict(parts.slopes), dict(parts.multipliers)
    scale = {place: each.new_ones(len(each), *[1] * (each.dim() - 1)) for place, each in multipliers.items()}
    split = any(bool((each != 0).any()) for each in parts.splits.values())
    variables = [*slopes.values(), *(multipliers.values() if split else ())]
    first = [torch.zeros_like(each) for each in variables]
    second = [torch.zeros_like(each) for each in variables]
    for step in range(steps + 1):
        for each in variables:
            each.requires_grad_(step < steps)
        now = replace(parts, slopes=slopes, multipliers=multipliers)
        with torch.set_grad_enabled(step < steps):
            form = _form(network, now)
            bound = (least(form.image, parts.box, radius) + form.constant)[:, 0]
        better = bound.detach() > best
        best = torch.where(better, bound.detach(), best)
        for kept, fresh in ((kept_slopes, slopes), (kept_multipliers, multipliers)):
            for place, each in fresh.items():
                kept[place] = torch.where(_rows(better, each), each.detach(), kept[place])
        if step == steps or bool((best > 1e-9 + 2 * allowance).all()):
            break
        gradients = torch.autograd.grad(bound, variables, torch.ones_like(bound), allow_unused=True)
        if step == 0 and split:
            scale = _scales(form, parts)
        rate = _RATE * _DECAY**step
        with torch.no_grad():
            for at, (each, gradient) in enumerate(zip(variables, gradients, strict=True)):
                each.requires_grad_(False)
                if gradient is None:
                    continue
                first[at].mul_(_FIRST).add_(gradient, alpha=1 - _FIRST)
                second[at].mul_(_SECOND).addcmul_(gradient, gradient, value=1 - _SECOND)
                mean = first[at] / (1 - _FIRST ** (step + 1))
                root = (second[at] / (1 - _SECOND ** (step + 1))).sqrt()
                move = rate * mean / root.clamp_min(1e-30)
                if at < len(slopes):
                    each.add_(move).clamp_(0, 1)
                else:
                    place = list(multipliers)[at - len(slopes)]
                    each.add_(move * scale[place]).clamp_min_(0)
    for each in variables:
        each.requires_grad_(False)
    return replace(parts, slopes=kept_slopes, multipliers=kept_multipliers), best


def _form(network: Pieces, parts: Parts) -> Form:
    around = {place: lines(low, high, parts.slopes[place]) for place, (low, high) in parts.ranges.items()}
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


def _scales(form: Form, parts: Parts) -> Slopes:
    """Return how large multipliers may become, by the coefficients at their layer: (n, 1, ...)."""
    found = {}
    for place in parts.multipliers:
        each = form.coefficients[place].detach()[:, 0]
        found[place] = each.flatten(1).abs().amax(dim=1).reshape(-1, *[1] * (each.dim() - 1))
    return found


def _rows(mask: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return mask.reshape(-1, *[1] * (like.dim() - 1))
