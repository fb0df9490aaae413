"""The paper's published Tables 1 to 4, as printed, with the intervals that its numbers of images give them.

The error rates on adversarial sets, and Table 2's on noise, come from 256 images (slip "n = 256"): 28 of the 31 cells
that are printed with a decimal are multiples of 1/256. The errors of Tables 1 and 3 are those of the full splits, and
Table 4's noise looks like the full test set.
"""

from dataclasses import dataclass
from decimal import Decimal

from blindspots.intervals import wilson
from blindspots.study.built_in import MNIST
from blindspots.study.study import Study

SHOWN = 256
"""Images behind the error rate on an adversarial set."""
TRAIN, HALF, TEST = 60_000, 30_000, 10_000
"""Images in a split; a half is P1 or P2."""
AMPLIFIED_TO = 0.1
"""Distortion of Table 4's lower half."""
FIGURE_5 = (0.006508, 64)
"""Average distortion of the pictures that become ostriches, and how many they are."""
HARDENED_ERRORS = {"pools": 0.012, "dropout": 0.013, "decay": 0.016}
"""Test errors of the first section, on FC100-100-10: "below 1.2%" with pools, about 1.3% by "carefully applied
dropout", 1.6% by weight decay alone."""
SET_SPLIT = {1: "train", 2: "train", 3: "test", 4: "test"}
"""The split that is distorted, by table."""


@dataclass(frozen=True)
class Published:
    """A percentage as the paper prints it, with its interval; the numbers as shares of 1."""

    printed: str
    n: int
    """Images that it was counted on."""
    rate: float
    low: float
    high: float

    @classmethod
    def of(cls, printed: str, n: int) -> "Published":
        """Return the percentage ``printed`` out of ``n`` images.

        Its interval runs from the low end of Wilson's at the least value that prints so to the high end at the
        largest: 6.7 is 6.65 to 6.75, and 10 is 9.5 to 10.5.
        """
        least, largest = printed_range(printed)
        return cls(printed, n, float(Decimal(printed) / 100), wilson(least * n, n)[0], wilson(largest * n, n)[1])


def printed_range(printed: str) -> tuple[float, float]:
    """Return the least and the largest share of 1 that is printed so, in percent."""
    percent = Decimal(printed)
    exponent = percent.as_tuple().exponent
    assert isinstance(exponent, int)
    half = Decimal(5).scaleb(exponent - 1)
    return float(max(percent - half, Decimal(0)) / 100), float(min(percent + half, Decimal(100)) / 100)


_ERRORS = {
    "fc10-1e-4": ("6.7", "7.4"),
    "fc10-1e-2": ("10", "9.4"),
    "fc10-1": ("21.2", "20"),
    "fc100-100-10": ("0", "1.64"),
    "fc200-200-10": ("0", "1.54"),
    "ae400-10": ("0.57", "1.9"),
    "fc100-100-10-p1": ("0", "2.4", "2"),
    "fc123-456-10-p1": ("0", "2.5", "2.1"),
    "fc100-100-10-p2": ("2.3", "0", "2.1"),
}
_DISTORTION = {
    "fc10-1e-4": 0.062,
    "fc10-1e-2": 0.1,
    "fc10-1": 0.14,
    "fc100-100-10": 0.058,
    "fc200-200-10": 0.065,
    "ae400-10": 0.086,
    "fc100-100-10-p1": 0.062,
    "fc123-456-10-p1": 0.059,
    "fc100-100-10-p2": 0.058,
}
MODELS = tuple(_DISTORTION)
"""The paper's models that were trained on all training images, then those trained on a half."""
ON_ALL, ON_HALVES = MODELS[:6], MODELS[6:]

_TABLE2 = {
    "fc10-1e-4": ("100", "11.7", "22.7", "2", "3.9", "2.7"),
    "fc10-1e-2": ("87.1", "100", "35.2", "35.9", "27.3", "9.8"),
    "fc10-1": ("71.9", "76.2", "100", "48.1", "47", "34.4"),
    "fc100-100-10": ("28.9", "13.7", "21.1", "100", "6.6", "2"),
    "fc200-200-10": ("38.2", "14", "23.8", "20.3", "100", "2.7"),
    "ae400-10": ("23.4", "16", "24.8", "9.4", "6.6", "100"),
    "noise-0.1": ("5.0", "10.1", "18.3", "0", "0", "0.8"),
    "noise-0.3": ("15.6", "11.3", "22.7", "5", "4.3", "3.1"),
}
_TABLE4 = {
    ("fc100-100-10-p1", "plain"): ("100", "26.2", "5.9"),
    ("fc123-456-10-p1", "plain"): ("6.25", "100", "5.1"),
    ("fc100-100-10-p2", "plain"): ("8.2", "8.2", "100"),
    ("noise-0.06", "plain"): ("2.2", "2.6", "2.4"),
    ("fc100-100-10-p1", "amplified"): ("100", "98", "43"),
    ("fc123-456-10-p1", "amplified"): ("96", "100", "22"),
    ("fc100-100-10-p2", "amplified"): ("27", "50", "100"),
    ("noise-0.1", "plain"): ("2.6", "2.8", "2.7"),
}


def knows(study: Study, name: str) -> bool:
    """Tell whether a model or a set of noise of ``study`` is the paper's own: data, split, layers, decay, nothing more.

    Of several with the same definition the one from the first initial weights is taken for the paper's.
    """
    if study.dataset != MNIST.dataset:
        return False
    ours, theirs = (next((spec for spec in each.models if spec.name == name), None) for each in (study, MNIST))
    if ours is None:  # no model but a set of noise
        return True
    if theirs is None or name not in MODELS:
        return False
    decisive = ("split", "layers", "decay", "initial", "penalty", "pools", "hardening")
    return all(getattr(ours, field) == getattr(theirs, field) for field in decisive)


def errors(model: str) -> dict[str, Published]:
    """Return the errors of a model of Table 1 or 3 by split; empty where the paper has no such model."""
    splits = {"p1": HALF, "p2": HALF, "test": TEST} if model in ON_HALVES else {"train": TRAIN, "test": TEST}
    return {
        split: Published.of(printed, n)
        for (split, n), printed in zip(splits.items(), _ERRORS.get(model, ()), strict=False)
    }


def transfer(source: str, target: str, *, variant: str = "plain") -> Published | None:
    """Return the error of ``target`` on the set made for ``source``: Table 2's, or Table 4's for models of the halves.

    None where the paper has no such cell.
    """
    if target in ON_HALVES:
        row = _TABLE4.get((source, variant))
        n = TEST if source.startswith("noise-") else SHOWN
        return None if row is None else Published.of(row[ON_HALVES.index(target)], n)
    if target not in ON_ALL or variant != "plain" or source not in _TABLE2:
        return None
    return Published.of(_TABLE2[source][ON_ALL.index(target)], SHOWN)


def distortion(source: str, *, variant: str = "plain") -> float:
    """Return the average distortion of a source's set in Tables 1 to 4; NaN where the paper has none."""
    if variant == "amplified" and source in ON_HALVES:
        return AMPLIFIED_TO
    if variant != "plain":
        return float("nan")
    noise = {"noise-0.06": 0.06, "noise-0.1": 0.1, "noise-0.3": 0.3}
    return (_DISTORTION | noise).get(source, float("nan"))
