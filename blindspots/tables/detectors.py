"""The linear detectors of Figure 6, a row an extractor: how well each tells pictures apart, and how it is misled."""

from typing import Any

import numpy as np
import xarray as xr

from blindspots.detectors.extractors import extractor_names
from blindspots.detectors.ranking import AreaDifference, area_difference
from blindspots.errors import InputError
from blindspots.results.results import UNFINISHED, Results
from blindspots.store import layout
from blindspots.study.detector_spec import PIXELS
from blindspots.tables.registry import TABLES
from blindspots.tables.rows import describe, texts


def detectors_table(results: Results) -> xr.Dataset:
    """Return what every detector of a study reaches, along ``extractor``, beside one on raw pixels.

    Areas under the ROC curve, by cross-validation, with 95% intervals over the pictures; how much larger each is than
    that of the pixels, over the same pictures (NaN of the pixels themselves); and of the positive pictures that are
    moved until they are missed, how many are, by what mean distortion (NaN where none is).

    Raises :class:`InputError` where the store lacks a detector, or has them of different pictures.
    """
    study = results.study
    names = extractor_names(study)
    found = [results.group(layout.detector(name)) for name in names]
    pixels = found[names.index(PIXELS)]
    rows = [_row(each, pixels) for each in found]
    table = xr.Dataset(
        {
            name: ("extractor", np.array([row[name] for row in rows], np.int64 if name in _COUNTS else np.float64))
            for name in rows[0]
        },
        coords={"extractor": texts(names)},
        attrs={
            "table": "detectors",
            "title": TABLES["detectors"].title,
            "study": study.name,
            "dataset": study.dataset_name,
            "what": str(pixels.attrs["what"]),
            "pictures": pixels.sizes["example"],
            "positive": int(pixels["positive"].sum()),
            "source": "https://arxiv.org/abs/1312.6199",
        },
    )
    return describe(table, _LONG_NAMES)


def above_pixels(found: xr.Dataset, pixels: xr.Dataset) -> AreaDifference:
    """Return how much larger a detector's area is than that of the one on raw pixels, over the same pictures.

    Raises :class:`InputError` where their groups ``found`` and ``pixels`` are of different ones.
    """
    positive = found["positive"].values.astype(bool)
    if not np.array_equal(positive, pixels["positive"].values.astype(bool)):
        raise InputError(f"the detector on {found.attrs['extractor']} is of other pictures; {UNFINISHED}")
    return area_difference(found["score"].values, pixels["score"].values, positive)


def mean_distortion(found: xr.Dataset) -> float:
    """Return the mean distortion of what a detector no longer detects; NaN where it still detects all."""
    distortion = found["distortion"].values[found["success"].values.astype(bool)]  # of a search that failed it is 0
    return float(distortion.mean()) if len(distortion) else np.nan


def _row(found: xr.Dataset, pixels: xr.Dataset) -> dict[str, Any]:
    """Return the numbers of one detector; ``pixels``: the group of the one on raw pixels."""
    against = (np.nan, np.nan, np.nan)
    if found is not pixels:
        more = above_pixels(found, pixels)
        against = (more.difference, more.low, more.high)
    success = found["success"].values.astype(bool)
    distortion = found["distortion"].values[success]
    return {
        "features": int(found.attrs["features"]),
        **{name: float(found.attrs[name]) for name in ("area", "area_low", "area_high")},
        **dict(zip(("difference", "difference_low", "difference_high"), against, strict=True)),
        "detected": int(found.attrs["detected"]),
        "moved": len(success),
        "misled": int(success.sum()),
        "distortion": mean_distortion(found),
        "distortion_least": float(distortion.min()) if len(distortion) else np.nan,
        "distortion_most": float(distortion.max()) if len(distortion) else np.nan,
    }


_COUNTS = {"features", "detected", "moved", "misled"}
_LONG_NAMES = {
    "extractor": "what gives the features; pixels: the images themselves",
    "features": "how many features the classifier reads",
    "area": "area under the ROC curve, by cross-validation",
    "area_low": "lower end of its 95% interval over pictures (DeLong)",
    "area_high": "upper end of that interval",
    "difference": "that area less the one on raw pixels, over the same pictures",
    "difference_low": "lower end of its 95% interval over pictures (DeLong)",
    "difference_high": "upper end of that interval",
    "detected": "positive pictures that the classifier of all pictures detects",
    "moved": "those of them that are moved until they are missed, drawn by the seed",
    "misled": "those of these that are missed in the end",
    "distortion": "mean least distortion of those",
    "distortion_least": "the least of these distortions",
    "distortion_most": "the greatest of them",
}
