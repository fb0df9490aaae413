"""What is left of a perturbation when the image is kept as 8 bits a value, as files keep it."""

import torch

from blindspots.arguments import of_numpy_too
from blindspots.device import rows_at_once
from blindspots.models.checks import check_images, check_labels, check_targets
from blindspots.models.classifier import Classifier, undisturbed
from blindspots.models.unknown.called import Model, as_module

_LEVELS = 255
_ARRAYS = 4
"""Of images: the model's layers may be as large."""


@of_numpy_too
def in_eight_bits(images: torch.Tensor) -> torch.Tensor:
    """Return ``images`` rounded to multiples of 1/255, a value halfway between two to the even one.

    The paper's distorted images (section 4.1) are real-valued; a file holds them so. ``images``: (n, ...) in [0, 1].
    Returns the same shape and dtype: what dividing the file's integers by 255 gives. Raises :class:`InputError` for
    what is no batch of images.
    """
    check_images(images)
    return ((images.double() * _LEVELS).round() / _LEVELS).to(images.dtype)  # in float64 the product is exact


@of_numpy_too
def survives_eight_bits(
    model: Model, images: torch.Tensor, labels: torch.Tensor, *, targets: torch.Tensor | None = None
) -> torch.Tensor:
    """Return whether distorted ``images``, rounded to 8 bits, are misread by ``model``, or read as their targets.

    An image at a boundary, as a search of the least distortion leaves it, can fall back to its label when it is kept
    in a file.

    ``model`` returns logits (n, k) for ``images`` (n, ...), in [0, 1]; ``labels`` and ``targets``: (n,) integers.
    Returns (n,) bool on the images' device. The model's mode and the global random state are left as found. Raises
    :class:`InputError` for images, labels, targets or a model that cannot be used.
    """
    rounded = in_eight_bits(images.detach() if isinstance(images, torch.Tensor) else images)
    model = as_module(model)
    classifier = Classifier(model, images.shape[1:])
    size = rows_at_once(images[0].numel(), arrays=_ARRAYS)
    with undisturbed(model, images.device):
        predicted = torch.cat([classifier.checked(part).argmax(dim=1) for part in rounded.split(size)])
    check_labels(labels, classifier.classes, count=len(images))
    if targets is None:
        return predicted != labels.to(images.device).long()
    check_targets(targets, labels, classes=classifier.classes)
    return predicted == targets.to(images.device).long()
