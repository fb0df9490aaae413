"""Points so near to a boundary that rounding decides what is read there, moved on outward until it no longer does.

A search takes a point for one beyond the boundary by a lead of some roundings of its logits. Logits that are small
because large terms cancel are rounded far more coarsely than that, and in a batch of another size the same row may be
read as on this side. On the line from the image through the point it soon is not.
"""

import torch

from blindspots.distortion.criteria import Criterion
from blindspots.distortion.rows import take
from blindspots.models.classifier import Classifier

_FIRST = 1e-6
"""Share of its length by which a step is lengthened at first; twice as much each time."""
_DOUBLINGS = 21
"""Up to twice the length: what is farther beyond is no matter of rounding."""


def moved_outward(
    classifier: Classifier, rows: torch.Tensor, points: torch.Tensor, lost: torch.Tensor, *, wanted: Criterion
) -> torch.Tensor:
    """Return ``points`` (n, m) with those that are ``lost`` (indices) moved outward from their ``rows`` (n, m).

    Each by the least share tried at which it is read as wanted, in the batch and alone, and was so at half that share
    too. Where no share will do a point stays where it was. ``wanted``: of the n rows.
    """
    moved, before = points.clone(), torch.zeros_like(lost, dtype=torch.bool)
    image, step = take(rows, lost), take(points, lost) - take(rows, lost)
    for doubling in range(_DOUBLINGS):
        moved[lost] = (image + (1 + _FIRST * 2**doubling) * step).clamp(0, 1)
        stored = rows + (moved - rows)  # as a reader of the perturbation computes it
        together = classifier.logits(stored)[lost].argmax(dim=1)
        alone = torch.cat([classifier.logits(stored[[place]]) for place in lost.tolist()]).argmax(dim=1)
        there = wanted.take(lost).reached(together) & wanted.take(lost).reached(alone)
        left = ~(there & before)
        lost, before, image, step = lost[left], there[left], image[left], step[left]
        if not len(lost):
            return moved
    moved[lost] = take(points, lost)
    return moved
