"""How far images can be moved within the box before a network that is linear in pieces may misread them: proved.

Within a ball of radius e the relaxation gives each lead a linear bound, which proves a distance d(e): no image of the
ball that is nearer is misread. So ``min(e, d(e))`` is proved for every e; the larger e, the looser the relaxation, and
the largest such radius is where the two meet.
"""

from dataclasses import dataclass, replace

import torch

from blindspots.device import rows_at_once
from blindspots.spectral.relaxation.ball import Box
from blindspots.spectral.relaxation.branching import Branching, at_images, branched, least_of
from blindspots.spectral.relaxation.misread import descended
from blindspots.spectral.relaxation.pieces import Pieces, lead_rows, others
from blindspots.spectral.relaxation.ranges import Forms, ranges
from blindspots.spectral.relaxation.slopes import Parts, begun, proved

_IMAGES = 16
_ARRAYS = 12
"""Of the network's largest node, for each lead of an image."""
_DESCENT = 24
_ROUNDS = 6
"""Balls tried between what is proved and what is not."""
_STEPS = 12
"""Of the search for slopes in each."""
_CLOSE = 1e-4
_DOWN = 1 - 1e-9


@dataclass(frozen=True)
class Radii:
    """What is proved of images, and what was found beside."""

    proved: torch.Tensor
    """(n,) Euclidean: no image of the box that is nearer is misread; 0 where it is itself."""
    found: torch.Tensor
    """(n,) Euclidean: how near the nearest misread image is that was found; infinity without."""


@torch.no_grad()
def relaxed_radii(
    network: Pieces,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    off: torch.Tensor | None = None,
    branching: Branching | None = None,
) -> Radii:
    """Return what is proved of ``images`` (n, ...) float64 in [0, 1] with ``labels`` (n,), and what was found.

    ``off``: (k,) what may be off each logit, beside the rounding of the proof itself, which is bounded and taken off;
    ``branching``: how far to go on, where the relaxation does not reach what is found, by branch and bound.
    """
    forms = Forms(network)
    classes = network.nodes[-1].shape[0]
    room = torch.zeros(classes, dtype=torch.float64, device=images.device) if off is None else off
    largest = max(each.numel() for each in network.sizes)
    most = rows_at_once(largest * (classes - 1), arrays=_ARRAYS, most=_IMAGES)
    parts = [
        _some(network, forms, some, own, room, branching)
        for some, own in zip(images.split(most), labels.split(most), strict=True)
    ]
    return Radii(torch.cat([each.proved for each in parts]), torch.cat([each.found for each in parts]))


def _some(
    network: Pieces,
    forms: Forms,
    images: torch.Tensor,
    labels: torch.Tensor,
    off: torch.Tensor,
    branching: Branching | None,
) -> Radii:
    classes = network.nodes[-1].shape[0]
    rivals = others(labels, classes)
    every = lead_rows(labels[:, None].expand_as(rivals).flatten(), rivals.flatten(), classes)
    logits = network.logits(images)
    doubt = every.abs() @ (network.allowances[-1][0] + off)
    ahead = (every * logits.repeat_interleave(classes - 1, dim=0)).sum(dim=1) > doubt
    right = ahead.reshape(len(images), -1).all(dim=1)
    none = torch.zeros_like(right, dtype=torch.float64)
    if not bool(right.any()):
        return Radii(none, none.clone())
    box, rows = Box.around(images[right]), every.reshape(len(images), -1, classes)[right]
    begin = _bracket(network, forms, box, rows, off)
    low, high = begin.low, begin.found
    if branching is not None:
        low, high = branched(network, forms, begin.open, begin.image, high, low, off, branching)
    # where no image of the box is farther than what is proved, none is misread at all
    low = torch.where(low >= box.farthest, torch.inf, low * _DOWN)
    radius, found = none.clone(), none.clone()
    radius[right], found[right] = low, high
    return Radii(radius, found)


@dataclass(frozen=True)
class _Begin:
    """What the relaxation alone proves of a few images (n,)."""

    low: torch.Tensor
    found: torch.Tensor
    open: Parts
    """The leads that are not proved as far as the nearest misread image found, in balls that reach there."""
    image: torch.Tensor
    """Whose they are."""


def _bracket(network: Pieces, forms: Forms, box: Box, rows: torch.Tensor, off: torch.Tensor) -> _Begin:
    """Prove what can be proved without branches of images that are read rightly, with all their leads (n, c, k)."""
    count, rivals = rows.shape[:2]
    image = torch.arange(count, device=rows.device).repeat_interleave(rivals)
    pairs, every = box.at(image), rows.flatten(0, 1)
    nearest = descended(network, pairs, every, torch.zeros_like(pairs.low), steps=_DESCENT)
    found = least_of(nearest.distance, image, count)
    radius = torch.minimum(found, box.farthest)
    known, _ = ranges(network, forms, box, radius)
    parts = begun(pairs, every, at_images(known, image))
    shown = proved(network, parts, radius[image], steps=_STEPS, allowance=every.abs() @ off)
    low = torch.minimum(radius, least_of(shown.distance, image, count))
    # a lead that holds in the largest ball holds in all
    left = (shown.distance < radius[image]).nonzero()[:, 0]
    whole, image = shown.parts.at(left), image[left]
    parts, high, allowance = whole, radius, whole.rows.abs() @ off
    for _ in range(_ROUNDS):
        still = low < high * (1 - _CLOSE)
        if not bool(still.any()):
            break
        trial = torch.where(still, (low + high) / 2, low)
        inside, _ = ranges(network, forms, box, trial, known)
        parts = replace(parts, ranges=at_images(inside, image))
        shown = proved(network, parts, trial[image], steps=_STEPS, allowance=allowance)
        parts, reached = shown.parts, least_of(shown.distance, image, count)
        low = torch.maximum(low, torch.minimum(trial, reached))
        high = torch.where(reached < trial, trial, high)
    return _Begin(low, found, whole, image)
