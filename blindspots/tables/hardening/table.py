"""What pools of adversarial examples do at each layer, beside other ways of training: a row a way (section 1).

All begin with the same weights, seed by seed, and are looked at on the same images: so differences are taken in pairs.
"""

import json
from math import nan
from typing import Any

import numpy as np
import xarray as xr

from blindspots.intervals import wilson
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.store.receipts import read_receipt
from blindspots.study.model_spec import ModelSpec
from blindspots.study.recipes.recipe import compared, has_reach, passes_of, recipe_of, settings_of, strength_of
from blindspots.tables.hardening.comparison import holm, mcnemar, two_way_bootstrap
from blindspots.tables.rows import common_attributes, describe, texts


def pools_table(results: Results) -> xr.Dataset:
    """Return errors, differences and distortions along ``model``, decay alone first, and McNemar's p along ``seed``.

    ``error`` is of images held out where the study trains on a part of the training images, and of the test images
    otherwise: the attribute ``on`` says which. Raises :class:`InputError` where the store lacks something.
    """
    study = results.study
    specs, seeds = compared(study), range(study.seeds)
    found = {spec.name: [results.group(layout.hardened(spec.name, seed)) for seed in seeds] for spec in specs}
    alone = np.stack([each["misread"].values for each in found[specs[0].name]])
    rows = [_row(results, spec, found[spec.name], None if spec is specs[0] else alone) for spec in specs]
    adjusted = holm(np.array([row["p"] for row in rows]))
    tests = np.array(
        [[mcnemar(ours, theirs) for ours, theirs in zip(row.pop("misread"), alone, strict=True)] for row in rows]
    )
    tests[0] = nan
    table = xr.Dataset(
        {
            "recipe": ("model", texts(map(recipe_of, specs))),
            "settings": ("model", texts(map(settings_of, specs))),
            **{name: ("model", np.array([row[name] for row in rows])) for name in rows[0]},
            "p_holm": ("model", adjusted),
            "mcnemar": (("model", "seed"), tests),
        },
        coords={"model": texts(spec.name for spec in specs), "seed": np.arange(study.seeds)},
        attrs={
            **common_attributes("pools", study),
            "on": found[specs[0].name][0].attrs["on"],
            "epochs": study.training.adam.epochs,
            "images": int(found[specs[0].name][0].attrs["trained_on"]),
            "seconds": json.dumps([_seconds(results, spec.name) for spec in specs]),
        },
    )
    return describe(table, _LONG_NAMES)


_LONG_NAMES = {
    "recipe": "way of training",
    "settings": "its numbers",
    "strength": "how far perturbations go, or how strong else it is",
    "reaches": "whether the strength is how far perturbations go",
    "training_error": "share of the training images that are misread, mean over seeds",
    "error": "share of the images looked at that are misread, mean over seeds",
    "error_low": "lower end of the error's Wilson 95% interval, over images",
    "error_high": "upper end of that interval",
    "error_spread": "standard deviation of the error over seeds; NaN with one seed",
    "n": "images looked at",
    "difference": "error less that of decay alone, mean over seeds",
    "difference_low": "lower end of its 95% interval by a bootstrap over seeds and images",
    "difference_high": "upper end of that interval",
    "p": "two-sided p of that bootstrap",
    "p_holm": "the same for all rows together, by Holm's procedure",
    "mcnemar": "p of McNemar's exact test against decay alone of the same seed",
    "distortion": "mean least distortion, over images read correctly",
    "lower_bound": "mean certified lower bound of the distortion",
    "certified_share": "share of the least distortion found that is certified, mean over images read correctly",
    "to_alone": "share of its distorted images that decay alone misreads",
    "from_alone": "share of decay alone's distorted images that it misreads",
    "passes": "forward and backward passes of an image in the training, on average; without the making of pools",
}


def _row(results: Results, spec: ModelSpec, found: list[xr.Dataset], alone: np.ndarray | None) -> dict[str, Any]:
    misread = np.stack([each["misread"].values for each in found])
    errors, n = misread.mean(axis=1), misread.shape[1]
    low, high = wilson(float(errors.mean()) * n, n)
    distortion, bound = (_mean_of_those_read(found, name) for name in ("distortion", "lower_bound"))
    difference = (nan, nan, nan, nan)
    if alone is not None:
        against = two_way_bootstrap(misread.astype(np.int8) - alone.astype(np.int8))
        difference = (against.mean, against.low, against.high, against.p)
    return {
        "misread": misread,
        "strength": strength_of(spec),
        "reaches": has_reach(spec),
        "training_error": float(np.mean([int(each["training_misread"]) / each.attrs["trained_on"] for each in found])),
        "error": float(errors.mean()),
        "error_low": low,
        "error_high": high,
        "error_spread": float(errors.std(ddof=1)) if len(errors) > 1 else nan,
        "n": n,
        "difference": difference[0],
        "difference_low": difference[1],
        "difference_high": difference[2],
        "p": difference[3],
        "distortion": distortion,
        "lower_bound": bound,
        "certified_share": _certified(found),
        "to_alone": nan if alone is None else float(np.mean([each["to_alone"].values.mean() for each in found])),
        "from_alone": nan if alone is None else float(np.mean([each["from_alone"].values.mean() for each in found])),
        "passes": _passes(results, spec, int(found[0].attrs["trained_on"])),
    }


def _mean_of_those_read(found: list[xr.Dataset], name: str) -> float:
    """Return a variable's mean over images that are read correctly, whose distortion is not 0; NaN without any."""
    values = np.concatenate([each[name].values[each["distortion"].values > 0] for each in found])
    return float(values.mean()) if len(values) else nan


def _certified(found: list[xr.Dataset]) -> float:
    """Return the mean of the lower bound over the least distortion found; NaN where nothing is read correctly."""
    least, bound = (np.concatenate([each[name].values for each in found]) for name in ("distortion", "lower_bound"))
    read = np.isfinite(least) & (least > 0)
    return float((bound[read] / least[read]).mean()) if read.any() else nan


def _passes(results: Results, spec: ModelSpec, images: int) -> float:
    """Return how often an image was seen in a training, by the curve: an evaluation of L-BFGS sees each once.

    Beside the images it sees all slots whose turn it is.
    """
    if spec.by_minibatches:
        return float(passes_of(spec) * results.study.training.adam.epochs)
    curves = [results.group(layout.curve(spec.name, seed)) for seed in range(results.study.seeds)]
    evaluations = float(np.mean([int(curve["evaluations"].values[-1]) for curve in curves]))
    pools = spec.pools
    if not spec.in_rounds or pools is None:
        return evaluations
    slots = pools.size * (len(pools.layers) if pools.turns == "together" else 1)
    return evaluations * (1 + slots / images)


def _seconds(results: Results, model: str) -> float:
    """Return how long a training took in the mean, by its receipts; of a resumed one, since it was."""
    receipts = [
        read_receipt(results.place, layout.receipt(layout.training_job(model, seed), 0))
        for seed in range(results.study.seeds)
    ]
    there = [receipt.seconds for receipt in receipts if receipt is not None]
    return float(np.mean(there)) if there else nan
