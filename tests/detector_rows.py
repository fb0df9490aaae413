"""Detectors' groups written by hand, and results that hold them."""

from pathlib import Path

import numpy as np
import xarray as xr

from blindspots.results.results import Results
from blindspots.store import layout
from tests.held import Held
from tests.small_quocnet import small_pictures, small_study, with_detector

SCORES = {
    # five positive examples, then fifteen negative ones
    "pixels": [*(9, 3, 8, 1, 6), *range(15)],
    "quocnet": [*(8, 4, 9, 1, 6), *range(15)],
    "theirs": [*(20, 19, 18, 17, 12.5), *range(15)],
}


def detector(name: str, area: float, count: int, channels: int, *, missed: int | None = None) -> xr.Dataset:
    """Return the group of a detector that detects ``count`` pictures and misses ``missed`` of them in the end."""
    draw = np.random.default_rng(0)
    pictures = draw.random((count, channels, 6, 6), dtype=np.float32)
    return xr.Dataset(
        {
            "score": ("example", np.array(SCORES[name], np.float64)),
            "positive": ("example", np.arange(20) < 5),
            "original": (("misled", "channel", "row", "column"), pictures),
            "perturbation": (("misled", "channel", "row", "column"), 0.01 * np.ones_like(pictures)),
            "distortion": ("misled", np.full(count, 0.01)),
            "success": ("misled", np.arange(count) < (count if missed is None else missed)),
        },
        attrs={
            "extractor": name,
            "what": "car",
            "features": 7,
            "area": area,
            "area_low": area - 0.1,
            "area_high": area + 0.1,
            "detected": count,
        },
    )


GROUPS = {
    "pixels": detector("pixels", 0.6, 3, 1, missed=0),
    "quocnet": detector("quocnet", 0.65, 3, 1),
    "theirs": detector("theirs", 0.85, 5, 3),
}


def held(folder: Path) -> Results:
    """Return results of a study with three extractors, in memory; its pictures lie in ``folder``."""
    study = with_detector(
        small_study(small_pictures(folder / "pictures.npz")), extractors=[{"name": "theirs", "weights": "theirs.pth"}]
    )
    return Held(xr.DataTree.from_dict({layout.detector(name): found for name, found in GROUPS.items()}), study)
