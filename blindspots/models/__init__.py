"""A network with weights, anyone's: how it is opened, and how the rest of the library sees it.

A model returns logits (n, k) for images (n, ...) in [0, 1] and owns its normalisation. :class:`Classifier` is the seam
that searches, proofs and counts share: rows of values in, logits and gradients out, the model left as it was found.
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.models.classifier import Classifier, undisturbed
    from blindspots.models.fetching import fetch_weights
    from blindspots.models.layered import classifier_of
    from blindspots.models.opening import OpenedModel, open_model
    from blindspots.models.weights_file import load_weights_file
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "Classifier": "blindspots.models.classifier",
            "OpenedModel": "blindspots.models.opening",
            "classifier_of": "blindspots.models.layered",
            "fetch_weights": "blindspots.models.fetching",
            "load_weights_file": "blindspots.models.weights_file",
            "open_model": "blindspots.models.opening",
            "undisturbed": "blindspots.models.classifier",
        },
    )

__all__ = [
    "Classifier",
    "OpenedModel",
    "classifier_of",
    "fetch_weights",
    "load_weights_file",
    "open_model",
    "undisturbed",
]
