"""How often adversarial negatives appear, a row a model: the answer to the paper's question (section 7, question 4).

An image's rate is the share of its random directions along which it is misread; a model's is the mean over images. The
images are the independent units, and its interval is over them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.negatives.flat_boundary import flat_boundary_share
from blindspots.randomness import generator
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.tables.rows import common_attributes, describe, reader_name, texts

_RESAMPLES = 4000
_COUNTS = ("shown", "misread", "out_of_reach")
_INTERVALS = ("rate", "low", "high", "bootstrap_low", "bootstrap_high", "affected", "affected_low", "affected_high")


@dataclass(frozen=True)
class Counted:
    """A model's counts, over the images that any of its seeds counts; w and t as in the store."""

    rate: np.ndarray
    """(n, w, t) share of an image's directions that misread: the mean over seeds; NaN where it was not shown."""
    affected: np.ndarray
    """(n, w, t) share of the seeds that misread it along at least one direction; NaN where it was not shown."""
    by_seed: np.ndarray
    """(s, w, t) mean rate of each seed."""
    totals: dict[str, np.ndarray]
    """(w, t) sums over images and seeds of what is stored."""
    most: np.ndarray
    """(w, t) the most directions behind an image's rate."""
    least: float
    """Mean least distortion, over seeds and images."""


def negatives_table(results: Results) -> xr.Dataset:
    """Return rates (model, where, multiple) with 95% intervals over images, and what they rest on.

    With several seeds an image's rate is its mean over them: all have the same images. ``low`` and ``high`` are
    :func:`bootstrap_over_images`, :func:`widened`; ``bootstrap_low`` and ``bootstrap_high`` are the same as they were.
    ``resolution`` is the least rate but 0 that could have been found, one direction of one image; ``unseen`` what
    finding none does not exclude.

    Raises :class:`InputError` where the store lacks the negatives.
    """
    study = results.study
    counted = [_counted(results, spec.name) for spec in study.models]
    first = results.group(layout.negatives(study.models[0].name, 0))
    places, multiples = [str(each) for each in first["where"].values], study.negatives.multiples
    flat = [flat_boundary_share(each, int(first.attrs["values"])) for each in multiples]
    shape = (len(counted), len(places), len(multiples))
    values = {name: np.full(shape, np.nan) for name in (*_INTERVALS, "resolution", "unseen", "spread")}
    values |= {name: np.zeros(shape, np.int64) for name in ("images", *_COUNTS)}
    for i, (spec, found) in enumerate(zip(study.models, counted, strict=True)):
        for name in _COUNTS:
            values[name][i] = found.totals[name]
        if len(found.by_seed) > 1:
            values["spread"][i] = found.by_seed.std(axis=0, ddof=1)
        for j, k in np.ndindex(shape[1:]):
            there = np.isfinite(found.rate[:, j, k])
            n = values["images"][i, j, k] = int(there.sum())
            if n == 0:
                continue
            rates, affected = found.rate[there, j, k], found.affected[there, j, k]
            place = (spec.name, places[j], str(multiples[k]))
            ends = bootstrap_over_images(rates, seed=study.seed, purpose=place)
            of_affected = wilson(min(float(affected.sum()), n), n)
            cell = (rates.mean(), *widened(ends, n), *ends, affected.mean(), *of_affected)
            values["resolution"][i, j, k], values["unseen"][i, j, k] = 1 / (n * found.most[j, k]), unseen(n)
            for name, value in zip(_INTERVALS, cell, strict=True):
                values[name][i, j, k] = value
    table = xr.Dataset(
        {
            "paper_name": ("model", texts(spec.paper for spec in study.models)),
            "reader_name": ("model", texts(map(reader_name, study.models))),
            "distortion": ("model", [found.least for found in counted]),
            **{name: (("model", "where", "multiple"), array) for name, array in values.items()},
            "flat_boundary": ("multiple", flat),
        },
        coords={
            "model": texts(spec.name for spec in study.models),
            "where": texts(places),
            "multiple": np.array(multiples, dtype=np.float64),
        },
        attrs={
            **common_attributes("negatives", study),
            "directions": study.negatives.directions,
            "values": int(first.attrs["values"]),
        },
    )
    return describe(table, _LONG_NAMES)


_LONG_NAMES = {
    "distortion": "mean least distortion, over the images that are shown",
    "rate": "share of random directions that misread: mean over images, read correctly from the start",
    "low": "lower end of the rate's 95% interval over images: the bootstrap's, no narrower than the images allow",
    "high": "upper end of that interval",
    "bootstrap_low": "lower end of the bootstrap's 95% interval over images, as it is",
    "bootstrap_high": "upper end of that interval; 0 where none is found, which means nothing",
    "spread": "standard deviation of the rate over seeds; NaN with one seed",
    "resolution": "least rate but 0 that could have been found: one direction of one image",
    "unseen": "1 - 0.05^(1 / images): of a share as large, one image would have been met with 95% probability",
    "affected": "share of images with at least one direction that misreads",
    "affected_low": "lower end of that share's Wilson 95% interval",
    "affected_high": "upper end of that share's Wilson 95% interval",
    "images": "images shown along at least one direction",
    "shown": "random directions shown, of all images and seeds",
    "misread": "those of them that misread",
    "out_of_reach": "random directions along which the box holds no such distortion, of all images and seeds",
    "flat_boundary": "share of directions on a sphere that cross one flat boundary at such a multiple of its distance",
    "multiple": "distortion as a multiple of the image's least",
}


def bootstrap_over_images(rates: np.ndarray, *, seed: int, purpose: Sequence[str] = ()) -> tuple[float, float]:
    """Return the 95% percentile bootstrap interval of the mean of ``rates`` (n,), each in [0, 1].

    A resample is drawn by how often each value occurs in it, so that many images cost no more than few. The resamples
    depend on ``seed`` and ``purpose`` alone.
    """
    values, counts = np.unique(rates, return_counts=True)
    n = len(rates)
    drawn = generator(seed, "bootstrap", *purpose).multinomial(n, counts / n, size=_RESAMPLES)
    low, high = np.quantile(drawn @ values / n, [0.025, 0.975])
    return float(low), float(high)


def widened(interval: tuple[float, float], images: int) -> tuple[float, float]:
    """Return ``interval``, a bootstrap's, no narrower than so many images allow.

    The bootstrap knows nothing of the kinds of image that were not met: where none misreads it returns [0, 0], and
    where few do little more. So the upper end is never below :func:`unseen`, the rule of three, and the lower never
    above 1 minus that. Without an assumption on how the rates are spread nothing less holds, however many directions
    there are: a share of images as large may be misread along all of them. So a rate found to be a little above 0 has
    no lower an upper end than one of 0.
    """
    return min(interval[0], 1 - unseen(images)), max(interval[1], unseen(images))


def unseen(images: int) -> float:
    """Return ``1 - 0.05^(1 / n)``, about 3 / n: the one-sided 95% bound of a share of which n images show none."""
    return float(1 - 0.05 ** (1 / images))


def _counted(results: Results, model: str) -> Counted:
    study = results.study
    found = [results.group(layout.negatives(model, seed)) for seed in range(study.seeds)]
    if any(each["multiple"].values.tolist() != list(study.negatives.multiples) for each in found):
        raise InputError(f"the negatives of {model} are of other multiples; run the study again")
    examples = np.unique(np.concatenate([each["example"].values[each["counted"].values] for each in found]))
    rates, hit = (np.full((len(found), len(examples), *found[0]["shown"].shape[1:]), np.nan) for _ in range(2))
    for s, each in enumerate(found):
        counted = each["counted"].values
        shown, misread = (each[name].values[counted].astype(np.float64) for name in ("shown", "misread"))
        rows = np.searchsorted(examples, each["example"].values[counted])
        rates[s, rows] = np.divide(misread, shown, out=np.full_like(shown, np.nan), where=shown > 0)
        hit[s, rows] = np.where(shown > 0, misread > 0, np.nan)
    totals = {name: sum(each[name].values.sum(axis=0, dtype=np.int64) for each in found) for name in _COUNTS}
    most = sum(each["shown"].values.max(axis=0, initial=0).astype(np.int64) for each in found)
    leasts = [each["least"].values[each["counted"].values] for each in found]
    return Counted(
        rate=_mean(rates, axis=0),
        affected=_mean(hit, axis=0),
        by_seed=_mean(rates, axis=1),
        totals={name: np.asarray(total) for name, total in totals.items()},
        most=np.asarray(most),
        least=float(np.mean([each.mean() for each in leasts])) if all(map(len, leasts)) else float("nan"),
    )


def _mean(values: np.ndarray, *, axis: int) -> np.ndarray:
    """Return the mean over what is not NaN; NaN where all is."""
    there = np.isfinite(values)
    n = there.sum(axis=axis)
    total = np.where(there, values, 0).sum(axis=axis)
    mean: np.ndarray = np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)
    return mean
