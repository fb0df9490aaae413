"""The paper's published Tables 1 and 2, as printed, with the intervals that its numbers of images give them.

Percentages of Tables 2 and 4 come from 256 images (slip 1): 28 of the 31 that are printed with a decimal are multiples
of 1/256. The errors of Table 1 are those of the full splits. An interval is Wilson's at 95%.
"""

from dataclasses import dataclass

from blindspots.built_in_studies import MNIST
from blindspots.intervals import wilson
from blindspots.study import Study

SHOWN = 256
"""Images behind a percentage of Table 2."""
TRAIN, TEST = 60_000, 10_000


@dataclass(frozen=True)
class Published:
    """A percentage as the paper prints it, with its interval; all as shares of 1."""

    rate: float
    low: float
    high: float

    @classmethod
    def of(cls, percent: float, n: int) -> "Published":
        """Return the printed ``percent`` out of ``n`` images."""
        return cls(percent / 100, *wilson(round(percent / 100 * n), n))


MODELS = ("fc10-1e-4", "fc10-1e-2", "fc10-1", "fc100-100-10", "fc200-200-10", "ae400-10")

_ERRORS = {
    "fc10-1e-4": (6.7, 7.4),
    "fc10-1e-2": (10, 9.4),
    "fc10-1": (21.2, 20),
    "fc100-100-10": (0, 1.64),
    "fc200-200-10": (0, 1.54),
    "ae400-10": (0.57, 1.9),
}

DISTORTION = {
    "fc10-1e-4": 0.062,
    "fc10-1e-2": 0.1,
    "fc10-1": 0.14,
    "fc100-100-10": 0.058,
    "fc200-200-10": 0.065,
    "ae400-10": 0.086,
    "noise-0.1": 0.1,
    "noise-0.3": 0.3,
}
"""Average distortion of a source's set, Tables 1 and 2."""

_TRANSFER = {
    "fc10-1e-4": (100, 11.7, 22.7, 2, 3.9, 2.7),
    "fc10-1e-2": (87.1, 100, 35.2, 35.9, 27.3, 9.8),
    "fc10-1": (71.9, 76.2, 100, 48.1, 47, 34.4),
    "fc100-100-10": (28.9, 13.7, 21.1, 100, 6.6, 2),
    "fc200-200-10": (38.2, 14, 23.8, 20.3, 100, 2.7),
    "ae400-10": (23.4, 16, 24.8, 9.4, 6.6, 100),
    "noise-0.1": (5.0, 10.1, 18.3, 0, 0, 0.8),
    "noise-0.3": (15.6, 11.3, 22.7, 5, 4.3, 3.1),
}


def knows(study: Study, name: str) -> bool:
    """Tell whether a model or a set of noise of ``study`` is the paper's own: data, split, layers and decay."""
    if study.dataset != MNIST.dataset:
        return False
    ours, theirs = (next((spec for spec in each.models if spec.name == name), None) for each in (study, MNIST))
    if ours is None:  # no model but a set of noise
        return True
    return theirs is not None and ours.model_copy(update={"paper": theirs.paper}) == theirs


def errors(model: str) -> tuple[Published, Published] | None:
    """Return Table 1's training and test error of a model, or None where the paper has no such model."""
    if model not in _ERRORS:
        return None
    training, test = _ERRORS[model]
    return Published.of(training, TRAIN), Published.of(test, TEST)


def transfer(source: str, target: str) -> Published | None:
    """Return Table 2's error of ``target`` on the set made for ``source``, or None where the paper has no such cell."""
    if source not in _TRANSFER or target not in MODELS:
        return None
    return Published.of(_TRANSFER[source][MODELS.index(target)], SHOWN)
