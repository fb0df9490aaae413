"""Whether a model's gradients can be trusted: are there any, are they finite, and are they its function's?"""

from dataclasses import dataclass

import torch

from blindspots.models.classifier import Classifier, contrast, difference
from blindspots.models.unknown.differenced import Differenced

_COMPARED = 8
"""Images at which gradients are held against differences."""
_LENGTHS = (1e-3, 1e-2, 0.1, 0.5)
"""Euclidean lengths of the steps: the short ones for curved functions, the long ones for those with steps."""
_AGREE = 0.5
"""Share by which a difference of logits may miss what the gradient says it is, at the best of these lengths."""
_ASIDE = (1e-2, 0.1, 1e-3, 0.5)
"""Lengths of steps in other directions than the gradient's, in the order in which they are tried."""
_DIRECTIONS = 8
_INSIDE = 1 / 64
"""How far inside the box they are tried again: at its border a rectifier on the image itself has half a gradient."""
_WHOLE, _STEADY = 0.3, 0.15
"""Shares by which differences in those directions may miss what the gradient says, and by which they may differ from
those of steps half as long, to count."""

Pairs = tuple[torch.Tensor, torch.Tensor]
"""Of each row the class that is to lead, and the one that it leads: (n,) both."""


@dataclass(frozen=True)
class Gradients:
    """What was seen of a model's gradients at n images."""

    zero: torch.Tensor
    """(n,) bool: that of the lead over the strongest rival is 0, or there is none."""
    infinite: torch.Tensor
    """(n,) bool: it is infinite, or not a number."""
    false: bool
    """They are not the function's: differences of logits say otherwise at most of the images compared."""
    half: bool
    """They are the function's inside the box, and lack a part of it at its border, at most of the images compared."""

    def warnings(self) -> tuple[str, ...]:
        """Return what is to be said of them, a sentence each."""
        count, said = len(self.zero), []
        if self.zero.any():
            said.append(
                f"the model has no gradient, or one of zero, at {int(self.zero.sum())} of {count} images: what is found"
                " there comes from differences of logits and from lines to other images, and may be far from the least"
            )
        if self.infinite.any():
            said.append(
                f"the model's gradient is infinite or not a number at {int(self.infinite.sum())} of {count} images: it "
                "is taken a little inside the box there, and what is found may be far from the least"
            )
        if self.false:
            said.append(
                "the model's gradients are not those of its logits, as differences show; differences take their place"
            )
        return tuple(said)


def seen_gradients(
    classifier: Classifier, differenced: Differenced, rows: torch.Tensor, labels: torch.Tensor, *, at_once: int
) -> Gradients:
    """Return what the gradients at ``rows`` (n, m) are like: of the strongest rival's lead over ``labels`` (n,).

    ``differenced``: the same model, by differences. ``at_once``: rows that are evaluated together.
    """
    zero, infinite = torch.zeros_like(labels, dtype=torch.bool), torch.zeros_like(labels, dtype=torch.bool)
    half = torch.zeros(0, dtype=torch.bool, device=labels.device)
    near = [half]
    for place, part in enumerate(torch.arange(len(rows), device=rows.device).split(at_once)):
        logits, tape = classifier.evaluate(rows[part])
        own = labels[part]
        rivals = logits.scatter(1, own[:, None], -torch.inf).argmax(dim=1)
        weights = contrast(rivals, own, like=logits)
        slope = classifier.gradient(tape, weights)
        infinite[part] = lost = ~torch.isfinite(slope).all(dim=1)
        wild = lost.nonzero()[:, 0]
        if len(wild):  # at the edge of the box alone, or everywhere
            inside = classifier.gradient_inside(rows[part[wild]], weights[wild])
            lost = lost.index_copy(0, wild, ~torch.isfinite(inside).all(dim=1))
        zero[part] = (slope == 0).all(dim=1)
        if place == 0:
            some = (~(zero[part] | infinite[part])).nonzero()[:_COMPARED, 0]
            if len(some):  # no model is asked for nothing
                agree, half = _compared(classifier, rows[part[some]], slope[some], pairs=(rivals[some], own[some]))
                near.append(agree)
            flat = (zero[part] | lost).nonzero()[: _COMPARED // 4, 0]
            if len(flat):  # a function is flat there, or its gradient is kept back
                differences = differenced.evaluate(rows[flat])[1][1].flatten(1)
                near.append((differences == 0).all(dim=1) | ~torch.isfinite(differences).all(dim=1))
    false = bool(torch.cat(near).double().mean() < 0.5)
    return Gradients(zero, infinite, false, half=not false and bool(half.double().mean() > 0.5))


def _compared(
    classifier: Classifier, rows: torch.Tensor, slopes: torch.Tensor, *, pairs: Pairs
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where (n,) gradients are the function's, and where they are, but for a half at the border of the box."""
    half = _lack(classifier, rows, pairs=pairs)
    lack = half.clone()
    if half.any():
        lack[half] = _lack(classifier, rows[half].clamp(_INSIDE, 1 - _INSIDE), pairs=_of(pairs, half))
    half &= ~lack
    if lack.any():
        left = lack.clone()
        lack[left] = _lack(classifier, _apart(rows[left]), pairs=_of(pairs, left))
    return _agree(classifier, rows, slopes, pairs=pairs) & ~lack, half


def _apart(rows: torch.Tensor) -> torch.Tensor:
    """Return ``rows`` (n, m) a little inside the box, no two values of which are equal: of equal ones the largest, or
    the one in the middle, has a gradient that is a part of the function's, as any has at a kink."""
    draw = torch.Generator().manual_seed(1)
    noise = torch.rand(rows.shape[1], generator=draw, dtype=torch.float64, device="cpu").to(rows)
    return rows.clamp(_INSIDE, 1 - 2 * _INSIDE) + _INSIDE * noise


def _agree(classifier: Classifier, rows: torch.Tensor, slopes: torch.Tensor, *, pairs: Pairs) -> torch.Tensor:
    """Return where (n,) a lead changes along its gradient as that says, at one of the lengths at least."""
    dtype, slopes = rows.dtype, slopes.double()  # squares of float32 overflow soon
    unit = (slopes / slopes.norm(dim=1, keepdim=True)).to(dtype)
    agree = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    for length in _LENGTHS:
        ahead, behind = (rows + length * unit).clamp(0, 1), (rows - length * unit).clamp(0, 1)
        expected = ((ahead - behind) * slopes).sum(dim=1)
        high, low = classifier.logits(ahead), classifier.logits(behind)
        change = difference(high, *pairs) - difference(low, *pairs)
        rounding = 64 * torch.finfo(rows.dtype).eps * torch.maximum(high.abs(), low.abs()).amax(dim=1)
        agree |= (change - expected).abs() <= _AGREE * expected.abs() + rounding
    return agree


def _lack(classifier: Classifier, rows: torch.Tensor, *, pairs: Pairs) -> torch.Tensor:
    """Return where (n,) gradients lack a part of the function's: along themselves they may be right all the same.

    Where only some of what depends on the image is differentiated, as of a branch under ``no_grad``. Directions at
    random see any part, by its share of the whole. Steps of some length have to tell what those twice as long do, and
    otherwise than the gradient, at every length: rounding and steps of the function count for nothing.
    """
    draw = torch.Generator().manual_seed(0)
    ways = torch.randn(_DIRECTIONS, rows.shape[1], generator=draw, dtype=torch.float64, device="cpu")
    ways = (ways / ways.norm(dim=1, keepdim=True)).to(rows)
    logits, tape = classifier.evaluate(rows)
    slopes = classifier.gradient(tape, contrast(*pairs, like=logits)).double()
    lack = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    left = torch.arange(len(rows), device=rows.device)
    for length in _ASIDE:
        chosen = _of(pairs, left)
        seen, said = _aside(classifier, rows[left], slopes[left], ways=length * ways, pairs=chosen)
        size = torch.maximum(seen.norm(dim=1), said.norm(dim=1))
        agree = (seen - said).norm(dim=1) <= _WHOLE * size
        lack[left[agree]] = False
        left, seen, chosen = left[~agree], seen[~agree], _of(chosen, ~agree)
        if not len(left):
            break
        farther, _ = _aside(classifier, rows[left], slopes[left], ways=2 * length * ways, pairs=chosen)
        steady = (farther - 2 * seen).norm(dim=1) <= _STEADY * farther.norm(dim=1)
        lack[left] |= steady & (farther.norm(dim=1) > 0)
    return lack


def _of(pairs: Pairs, rows: torch.Tensor) -> Pairs:
    return pairs[0][rows], pairs[1][rows]


def _aside(
    classifier: Classifier,
    rows: torch.Tensor,
    slopes: torch.Tensor,
    *,
    ways: torch.Tensor,
    pairs: Pairs,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how leads change (n, d) from a step back to a step ahead in each of the ``ways`` (d, m): seen, and said
    by ``slopes`` (n, m)."""
    seen, said = [], []
    for way in ways:
        ahead, behind = (rows + way).clamp(0, 1), (rows - way).clamp(0, 1)
        high, low = classifier.logits(ahead), classifier.logits(behind)
        seen.append((difference(high, *pairs) - difference(low, *pairs)).double())
        said.append(((ahead - behind).double() * slopes).sum(dim=1))
    return torch.stack(seen, dim=1), torch.stack(said, dim=1)
