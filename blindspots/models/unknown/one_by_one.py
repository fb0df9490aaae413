"""Whether a model reads an image for itself, in a batch of any size: asked before any work."""

import torch

from blindspots.errors import InputError
from blindspots.models.classifier import Classifier

_SHOWN = 4
"""Images that are shown alone."""
_NEARLY = 1 / 64
"""How far towards grey companions are taken from images, where a model is finite nowhere else."""
_APART = 1e-3
"""Logits that differ by more than this share of the largest are others; rounding in another batch changes far less."""


def check_one_by_one(classifier: Classifier, images: torch.Tensor, logits: torch.Tensor) -> None:
    """Refuse a model that takes no batch of another size, or for which an image's logits depend on its companions.

    A search shows a model what still moves, in batches of any size: statistics of the batch, a fixed size or an output
    that is drawn anew each time would make what it finds of no use to anybody else.

    ``logits``: (n, k) what the model returned for ``images`` (n, ...). Raises :class:`InputError`.
    """
    some = images[:_SHOWN]
    company = torch.cat([some, _companions(classifier, images), some[:1]])
    together, again = (_shown(classifier, company)[: len(some)] for _ in range(2))
    if _others(together, again).all():
        raise InputError(
            "the model returns other logits each time for the same images: it draws random numbers in evaluation mode; "
            "give one that does not, such as its mean or one draw that is kept"
        )
    alone = torch.cat([_shown(classifier, image[None]) for image in some])
    first = logits[: len(some)]
    mixed = (_others(alone, together) | _others(alone, first)).double().mean()
    if mixed > 0.5:
        raise InputError(
            "the model mixes the images of a batch: it returns other logits for an image alone than beside others, as "
            "batch norms without running statistics do; give one that reads each image for itself"
        )


def _companions(classifier: Classifier, images: torch.Tensor) -> torch.Tensor:
    """Return others (m, ...) to stand beside the first images, where there are any that the model has logits for.

    Negatives of the images, which are in the box too, so that there are others even in a batch of one; of a model that
    is finite at its own images alone, images that lie behind the first, and images nearly like them.
    """
    some = images[:_SHOWN]
    for others in (1 - some, images[_SHOWN : 2 * _SHOWN], some.lerp(torch.full_like(some, 0.5), _NEARLY)):
        try:
            if len(others):
                classifier.checked(others)
                return others
        except InputError:
            continue
    return images[:0]


def _shown(classifier: Classifier, images: torch.Tensor) -> torch.Tensor:
    try:
        return classifier.checked(images)
    except InputError as error:
        size = "1 image" if len(images) == 1 else f"{len(images)} images"
        raise InputError(f"{error}; a model must take batches of any size, and refuses one of {size}") from error


def _others(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return which rows (n,) of two tensors of logits are not the same, rounding apart."""
    scale = torch.maximum(first.abs(), second.abs()).amax(dim=1)
    apart: torch.Tensor = (first - second).abs().amax(dim=1) > _APART * scale
    return apart
