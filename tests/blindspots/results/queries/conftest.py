"""A study written by hand, of three models and every kind of image: asked in blocks of a few rows."""

import numpy as np
import pytest
import xarray as xr

from blindspots.results.queries import stored_set
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from tests.held import Held

MODELS = ("one", "two", "three")
N = 43
CLASSES = 4


def study(**fields: object) -> Study:
    return validate_study(
        {
            "name": "held",
            "models": [
                {"name": "one", "decay": [1.0]},
                {"name": "two", "decay": [2.0]},
                {"name": "three", "decay": [3.0]},
            ],
            "sets": {"noise": [0.1]},
            **fields,
        }
    )


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch) -> xr.DataTree:
    """Its arrays: searches that failed, images misread from the start, bounds that are not known, exact distances."""
    monkeypatch.setattr(stored_set, "_ROWS", 10)
    draw = np.random.default_rng(7)
    label = draw.integers(0, CLASSES, N).astype(np.int16)
    example = draw.permutation(1000)[:N]
    groups = {}
    for model in MODELS:
        for rule in ("nearest", "random"):
            clean = np.where(draw.random(N) < 0.2, (label + 1) % CLASSES, label).astype(np.int16)
            size = draw.integers(0, 40, N) / 200  # with ties
            size[(clean != label) & (rule == "nearest")] = 0
            exact = size * 0.99 if model == "one" else np.full(N, np.nan)
            groups[f"sets/{model}/seed-0/train/{rule}"] = xr.Dataset(
                {
                    "example": ("example", example),
                    "label": ("example", label),
                    "target": ("example", draw.integers(0, CLASSES, N).astype(np.int16)),
                    "predicted": ("example", draw.integers(0, CLASSES, N).astype(np.int16)),
                    "clean_predicted": ("example", clean),
                    "distortion": ("example", size),
                    "success": ("example", draw.random(N) < 0.9),
                    "lower_bound": ("example", np.where(draw.random(N) < 0.3, np.nan, size * 0.4)),
                    "exact": ("example", exact),
                }
            )
            groups[f"predictions/{model}/seed-0/train/{rule}"] = _read(draw, label)
    groups["references/train/noise-0.1"] = xr.Dataset(
        {
            "example": ("example", example),
            "label": ("example", label),
            "distortion": ("example", draw.random(N)),
        }
    )
    groups["predictions/noise-0.1/seed-0/train/none"] = _read(draw, label)
    return xr.DataTree.from_dict(groups)


def _read(draw: np.random.Generator, label: np.ndarray) -> xr.Dataset:
    """What every model reads: three images of ten as their label."""
    read = {
        f"plain-by-{model}": (
            "example",
            np.where(draw.random(N) < 0.1, label, draw.integers(0, CLASSES, N)).astype(np.int8),
        )
        for model in MODELS
    }
    return xr.Dataset(read)


@pytest.fixture
def held(tree: xr.DataTree) -> Held:
    return Held(tree, study())
