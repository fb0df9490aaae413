"""What the penalty on the Lipschitz bound does, a row a strength: the answer to section 7's question 3.

A family is the models that differ in their penalty alone. The seeds of one strength begin with the same weights and the
same order of images as those of another, and all are tested on the same images: so differences are taken in pairs.
"""

from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import ndtri, stdtrit

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.names import CLEAN, NO_RULE
from blindspots.results.brackets import brackets, closeness
from blindspots.results.results import UNFINISHED, Results
from blindspots.store import layout
from blindspots.study.model_spec import ModelSpec
from blindspots.study.study import Study
from blindspots.tables.cells import Rate, Transfer
from blindspots.tables.distortions import distortions
from blindspots.tables.rows import common_attributes, describe, reader_name, texts

SPLIT, RULE = "test", "nearest"
"""The images and the rule of the sets that the table reads."""
SHOWN = ("to first", "from first", "to others", "from others")
"""Whose set is shown to whom: a model's to the family's first, the first's to it; the same for all others of it."""
VARIANTS = ("plain", "amplified")
"""As made, and all at one distortion, where the study shows them so."""


@dataclass(frozen=True)
class Difference:
    """Test error of a penalised model less that of its family's first, over seeds and images."""

    mean: float
    seeds: float
    """Standard error over seeds; NaN with one."""
    images: float
    """Standard error over images."""
    low: float
    """Lower end of its interval over both."""
    high: float

    @property
    def verdict(self) -> int:
        """-1: the error is lower, 1: it is higher, 0: neither is shown."""
        return int(self.low > 0) - int(self.high < 0)


def penalty_table(results: Results) -> xr.Dataset:
    """Return errors, bounds, distortions and transfer along ``model``, family by family, the weakest penalty first.

    ``difference`` is to the family's first, with an interval by :func:`paired_difference`. ``product`` is the bound of
    section 4.3, from the groups ``spectral``. Along ``shown`` and ``variant``, see :data:`SHOWN` and :data:`VARIANTS`,
    are rates of misreading with Wilson intervals, over all images of a set.

    Raises :class:`InputError` where the store lacks something.
    """
    study = results.study
    families = study.families
    specs = [spec for family in families for spec in family]
    transfer = Transfer(results)
    rows = [_row(results, transfer, spec, family) for family in families for spec in family]
    shown = [_shown(study, transfer, spec, family) for family in families for spec in family]
    table = xr.Dataset(
        {
            "family": ("model", texts(reader_name(family[0]) for family in families for _ in family)),
            "reader_name": ("model", texts(map(reader_name, specs))),
            **{name: ("model", np.array([row[name] for row in rows])) for name in rows[0]},
            **{name: (("model", "shown", "variant"), np.array([cells[name] for cells in shown])) for name in shown[0]},
        },
        coords={"model": texts(spec.name for spec in specs), "shown": texts(SHOWN), "variant": texts(VARIANTS)},
        attrs={
            **common_attributes("penalty", study),
            "split": SPLIT,
            "rule": RULE,
            "amplified_to": study.sets.amplified_to,
        },
    )
    return describe(table, _LONG_NAMES)


_LONG_NAMES = {
    "penalty": "strength of the penalty: times log(1 + product of the layers' bounds)",
    "training_error": "share of the training images that are misread, mean over seeds",
    "test_error": "share of the test images that are misread, mean over seeds",
    "test_error_low": "lower end of the test error's Wilson 95% interval, over images",
    "test_error_high": "upper end of that interval",
    "test_error_spread": "standard deviation of the test error over seeds; NaN with one seed",
    "test_error_n": "test images",
    "difference": "test error less that of the family's first, mean over seeds",
    "difference_low": "lower end of the difference's interval over seeds and images; 95% for all of a family together",
    "difference_high": "upper end of that interval",
    "difference_seeds": "standard error of the difference over seeds; NaN with one seed",
    "difference_images": "standard error of the difference over images",
    "verdict": "-1: the error is shown to be lower than the family's first, 1: higher, 0: neither",
    "product": "bound of the network's Lipschitz constant: product over its layers, mean over seeds",
    "product_least": "the least of the seeds' bounds",
    "product_most": "the greatest of the seeds' bounds",
    "distortion": "mean least distortion, over images read correctly from the start",
    "distortion_low": "lower end of the mean distortion's 95% interval",
    "distortion_high": "upper end of the mean distortion's 95% interval",
    "distortion_n": "images in the mean distortion, of one seed",
    "lower_bound": "mean certified lower bound of the distortion, by the layers' bounds; NaN where none is known",
    "certified": "mean of what is proved near each image of the least distortion; NaN where nothing is",
    "bracket": "mean ratio of that to the least distortion found, image by image",
    "certified_n": "images of these two, of one seed",
    "rate": "share of the set's images that are misread, mean over seeds and models",
    "low": "lower end of the rate's Wilson 95% interval",
    "high": "upper end of the rate's Wilson 95% interval",
    "n": "images in the set; 0: there is no such cell",
}


def _row(results: Results, transfer: Transfer, spec: ModelSpec, family: tuple[ModelSpec, ...]) -> dict[str, Any]:
    training, test = (transfer.rate(CLEAN, spec.name, split=split, rule=NO_RULE) for split in (spec.split, SPLIT))
    made = distortions(results, spec.name, split=SPLIT, rule=RULE)
    near = closeness(brackets(results, spec.name))
    products = [_product(results, spec.name, seed) for seed in range(results.study.seeds)]
    low, high = test.interval
    against = Difference(nan, nan, nan, nan, nan)
    if spec is not family[0]:
        per_seed = _errors(results, spec) - _errors(results, family[0])
        ours, theirs = xr.align(_misread(results, spec), _misread(results, family[0]), join="inner")
        per_image = ours - theirs  # of the images that both have
        against = paired_difference(per_seed, per_image.values, test.n, strengths=len(family) - 1)
    return {
        "penalty": spec.penalty,
        "training_error": training.rate,
        "test_error": test.rate,
        "test_error_low": low,
        "test_error_high": high,
        "test_error_spread": test.spread,
        "test_error_n": test.n,
        "difference": against.mean,
        "difference_low": against.low,
        "difference_high": against.high,
        "difference_seeds": against.seeds,
        "difference_images": against.images,
        "verdict": np.int8(against.verdict),
        "product": float(np.mean(products)),
        "product_least": min(products),
        "product_most": max(products),
        "distortion": made.mean,
        "distortion_low": made.low,
        "distortion_high": made.high,
        "distortion_n": made.n,
        "lower_bound": made.lower_bound,
        "certified": near.proved,
        "bracket": near.ratio,
        "certified_n": near.images,
    }


def paired_difference(per_seed: np.ndarray, per_image: np.ndarray, images: int, *, strengths: int) -> Difference:
    """Return the mean difference of two errors with an interval over seeds and images, 95% for ``strengths`` together.

    ``per_seed``: (s,) differences over all ``images``; ``per_image``: (n, s) differences of misreadings, each -1, 0 or
    1, of some of these images, from which their variance is taken. The half width is the root of two squares: Student's
    for the seeds and the normal's for the images, each at the level that Bonferroni asks of so many comparisons. What
    seeds and images do together counts in both, so that the interval errs on the wide side. One seed has no spread:
    its interval is over images alone, and speaks of the trained models and not of the training.
    """
    level = 1 - 0.025 / strengths
    seeds = float(per_seed.std(ddof=1)) / sqrt(len(per_seed)) if len(per_seed) > 1 else nan
    over_images = float(per_image.mean(axis=1).std(ddof=1)) / sqrt(images)
    half = ndtri(level) * over_images
    if len(per_seed) > 1:
        half = sqrt(half**2 + (stdtrit(len(per_seed) - 1, level) * seeds) ** 2)
    mean = float(per_seed.mean())
    return Difference(mean, seeds, over_images, mean - half, mean + half)


def _errors(results: Results, spec: ModelSpec) -> np.ndarray:
    """Return a model's test error by seed (s,)."""
    transfer = results.group(layout.TRANSFER)[["misread", "n"]].load()
    found = transfer.sel(source=CLEAN, target=spec.name, split=SPLIT, rule=NO_RULE, variant="plain")
    cells = found.sel(seed=list(range(results.study.seeds)))
    return np.asarray(cells["misread"].values / cells["n"].values)


def _misread(results: Results, spec: ModelSpec) -> xr.DataArray:
    """Return which of its set's images a model misreads from the start, 0 or 1: (example, seed)."""
    found = []
    for seed in range(results.study.seeds):
        made = results.group(layout.adversarial_set(spec.name, seed, SPLIT, RULE))
        wrong = (made["clean_predicted"].values != made["label"].values).astype(np.float64)
        found.append(xr.DataArray(wrong, dims="example", coords={"example": made["example"].values}))
    return xr.concat(found, dim="seed", join="inner").transpose("example", "seed")


def _product(results: Results, model: str, seed: int) -> float:
    """Return the bound of a whole network out of its ``spectral`` group."""
    path = layout.bounds(model, seed)
    found = results.group(path)
    if "product" not in found.attrs:
        raise InputError(f"the store's {path} has no product of its layers' bounds; {UNFINISHED}")
    return float(found.attrs["product"])


def _shown(
    study: Study, transfer: Transfer, spec: ModelSpec, family: tuple[ModelSpec, ...]
) -> dict[str, list[list[float]]]:
    """Return rates, their ends and numbers of images along (shown, variant)."""
    first, others = family[0], [each for each in family if each is not spec]
    pairs = {
        "to first": [(spec, first)] if spec is not first else [],
        "from first": [(first, spec)] if spec is not first else [],
        "to others": [(spec, other) for other in others],
        "from others": [(other, spec) for other in others],
    }
    variants = VARIANTS if SPLIT in study.sets.amplified_splits else VARIANTS[:1]
    cells: dict[str, list[list[float]]] = {name: [] for name in ("rate", "low", "high", "n")}
    for which in SHOWN:
        rates = [
            [
                transfer.rate(source.name, target.name, split=SPLIT, rule=RULE, variant=variant)
                for source, target in pairs[which]
            ]
            for variant in variants
        ]
        numbers = [_mean(each) for each in rates] + [(nan, nan, nan, 0)] * (len(VARIANTS) - len(variants))
        for name, values in zip(cells, zip(*numbers, strict=True), strict=True):
            cells[name].append(list(values))
    return cells


def _mean(rates: list[Rate]) -> tuple[float, float, float, int]:
    """Return the mean of some rates with its interval and its images, or that there are none.

    The models are shown the same images, or some of them: so the interval is that of the fewest, of one model.
    """
    if not rates:
        return nan, nan, nan, 0
    n = min(each.n for each in rates)
    rate = float(np.mean([each.rate for each in rates]))
    return rate, *wilson(min(rate * n, n), n), n
