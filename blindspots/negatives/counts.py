"""How often adversarial negatives appear: what a model reads along random directions (section 7, question 4).

The paper finds a misread image close to almost every image, and asks how likely one is met by chance. Each image is
shown along uniformly random directions, at multiples of its own least distortion:

- on the *sphere*: ``x + t * d * v``, d the least distortion and v a direction whose root mean square is 1. It may leave
  [0, 1], and d is the least inside: so where the box is in the way of the least, t = 1 is beyond the boundary's
  distance, and a misreading below t = 1 is possible;
- in the *box*: ``clip(x + s * v)`` with the s at which the distortion is t * d again: none misread below t = 1 where d
  is the least. A value at a bound moves one way or not at all, so that black areas become brighter: these are images
  that random directions lead to, not a uniform choice among those of the box.

What one flat boundary would give on the sphere is known in closed form: :mod:`blindspots.negatives.flat_boundary`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from blindspots.errors import InputError
from blindspots.models.checks import check_examples, check_images, check_labels, check_positive
from blindspots.models.classifier import Classifier, undisturbed
from blindspots.negatives.directions import directions_at_once, in_box, on_sphere, random_directions

WHERE = ("sphere", "box")
"""Where the distorted images lie."""


@dataclass(frozen=True)
class Negatives:
    """What a model read along random directions, image by image; w runs over :data:`WHERE`, t over the multiples."""

    counted: torch.Tensor
    """(n,) bool: the image is read as its label and its least distortion known; others are not shown."""
    shown: torch.Tensor
    """(n, w, t) int64: directions along which the image was shown."""
    misread: torch.Tensor
    """(n, w, t) int64: those of them along which it was not read as its label."""
    out_of_reach: torch.Tensor
    """(n, w, t) int64: directions along which the box holds no such distortion; never shown."""


def adversarial_negatives(
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    least: torch.Tensor,
    multiples: Sequence[float],
    directions: int,
    seed: int,
    examples: Sequence[int] | np.ndarray | torch.Tensor,
    split: str = "",
) -> Negatives:
    """Show each image along ``directions`` random directions at ``multiples`` of its least distortion, and count.

    Direction k of an example depends on ``seed``, ``split``, its id and k alone: it is the same for every model, for
    both places and for all multiples. Images are taken one by one, so no count depends on the batch.

    ``images``: (n, ...) in [0, 1]; ``labels``: (n,) integers; ``least``: (n,) distortions, of which those that are not
    above 0 and finite are left out, as are images misread from the start; ``examples``: the n ids. The model's mode
    and device are left as they are. Raises :class:`InputError` for what does not fit.
    """
    check_images(images)
    ids = check_examples(examples, len(images))
    if not multiples:
        raise InputError("multiples is empty; give at least one, such as 2")
    for multiple in multiples:
        check_positive("a multiple", multiple)
    if directions < 1:
        raise InputError(f"directions is {directions}; give at least 1")
    if least.shape != (len(images),):
        raise InputError(f"least has the shape {tuple(least.shape)}; give one distortion an image, ({len(images)},)")
    rows, classifier = images.flatten(1), Classifier(model, images.shape[1:])
    with undisturbed(model, images.device), torch.no_grad():
        read = torch.cat([classifier.checked(part).argmax(1) for part in images.split(directions_at_once(images[0]))])
        check_labels(labels, classifier.classes, count=len(images))
        labels = labels.to(images.device).long()
        known = (torch.isfinite(least) & (least > 0)).cpu()
        counted = (read == labels).cpu() & known
        shown, misread = (torch.zeros(len(images), 2, len(multiples), dtype=torch.int64) for _ in range(2))
        for index in counted.nonzero()[:, 0].tolist():
            sizes = float(least[index]) * torch.tensor(multiples, dtype=torch.float64)
            label = int(labels[index])
            for drawn in random_directions(rows[index], directions, seed=seed, example=ids[index], split=split):
                points, held = in_box(rows[index], drawn, sizes)
                for place, shifted in enumerate((on_sphere(rows[index], drawn, sizes), points)):
                    wrong = classifier.logits(shifted.flatten(0, 1)).argmax(1).view(len(sizes), -1) != label
                    kept = held if place else torch.ones_like(held)
                    shown[index, place] += kept.sum(1).cpu()
                    misread[index, place] += (wrong & kept).sum(1).cpu()
    tried = directions * counted[:, None, None]
    return Negatives(counted, shown, misread, tried - shown)
