"""Models that are linear though nothing says so: a function, a scaled or normalised layer, its probabilities.

What they find is shown to the model like any other point, so that a mistake here costs a look and proves nothing.
"""

import torch
from torch import nn

from blindspots.device import BUDGET
from blindspots.distortion.lines.goals import pictures_in_the_box
from blindspots.models.classifier import Classifier

_ROUNDING = 256
"""Roundings of the largest logit by which the middle of two images may differ from the mean of what they give."""


def affine(classifier: Classifier, rows: torch.Tensor) -> nn.Linear | None:
    """Return the layer that ranks classes as ``classifier`` does, or None for one that is not affine in the box.

    Seen in pictures that belong to no data set, in the first of ``rows`` (n, m) and between them. Logits count but for
    what is common to all classes: the logarithms of a linear model's probabilities are linear so.
    """
    if classifier.classes < 2 or classifier.classes * rows.shape[1] > BUDGET:
        return None
    ends = torch.cat([rows[:1], pictures_in_the_box(rows[:1])])
    if not (_straight(classifier, ends[:: len(ends) // 2]) and _straight(classifier, ends)):  # most models end at a few
        return None
    logits, tape = classifier.evaluate(rows[:1])
    classes = logits.shape[1]
    weight = classifier.pullbacks(tape, torch.eye(classes, dtype=rows.dtype, device=rows.device)[None])[0]
    layer = nn.Linear(rows.shape[1], classes, dtype=torch.float64, device=rows.device).requires_grad_(False)
    layer.weight.copy_(weight)
    layer.bias.copy_(logits[0].double() - layer.weight @ rows[0].double())
    return layer


def _straight(classifier: Classifier, ends: torch.Tensor) -> bool:
    """Return whether halfway between images (n, m) and the next the logits are the means of theirs."""
    others = ends.roll(1, dims=0)
    values = classifier.logits(torch.cat([ends, others, (ends + others) / 2]))
    first, second, middle = (values - values[:, :1]).chunk(3)
    apart = ((first + second) / 2 - middle).abs().amax()
    return bool(apart <= _ROUNDING * torch.finfo(ends.dtype).eps * values.abs().amax())
