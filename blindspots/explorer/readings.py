"""What each model makes of one image: the class that is stored, and logits where its weights can be had."""

from dataclasses import dataclass

import numpy as np

from blindspots.errors import InputError
from blindspots.explorer.columns import SetColumns
from blindspots.results.results import Results
from blindspots.store.predictions import NOT_SHOWN

LIKELIEST = 3
"""Classes whose logits are shown."""

Logits = tuple[tuple[int, float], ...]
"""The likeliest classes, each with its logit."""


@dataclass(frozen=True)
class Reading:
    """What one model makes of an image."""

    model: str
    stored: int | None
    """The class that it read in the distorted image when that was shown to it; None where that is not stored."""
    original: Logits
    distorted: Logits
    why_not: str
    """Why there are no logits; empty where there are."""

    def fooled(self, label: int) -> bool:
        """Tell whether the model misreads the distorted image: by what is stored, or else by the logits."""
        if self.stored is not None:
            return self.stored != label
        return bool(self.distorted) and self.distorted[0][0] != label

    @property
    def differs(self) -> bool:
        """Whether the image, alone, is read as another class than among many: it lies on the boundary."""
        return self.stored is not None and bool(self.distorted) and self.distorted[0][0] != self.stored


def readings(
    results: Results, columns: SetColumns, row: int, original: np.ndarray, distorted: np.ndarray
) -> tuple[Reading, ...]:
    """Return what every model of the study makes of an image of a set.

    ``original``, ``distorted``: (channels, height, width), as models are shown it. One model is in memory at a time.
    """
    return tuple(
        _reading(results, columns, row, spec.name, np.stack([original, distorted])) for spec in results.study.models
    )


def _reading(results: Results, columns: SetColumns, row: int, model: str, images: np.ndarray) -> Reading:
    import torch

    read = int(columns.reads[model][row]) if model in columns.reads else NOT_SHOWN
    stored = None if read == NOT_SHOWN else read
    try:
        network = results.network(model, columns.name.seed)
    except InputError as error:
        return Reading(model, stored, (), (), str(error))
    with torch.inference_mode():
        logits = network(torch.from_numpy(images)).double()
    best = logits.topk(min(LIKELIEST, logits.shape[1]), dim=1)
    original, distorted = (
        tuple(zip(classes, values, strict=True))
        for classes, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    )
    return Reading(model, stored, original, distorted, "")
