"""A store's DataTree written by hand: every cell has a count of its own, so that a wrong cell is a wrong number."""

import numpy as np
import pytest
import xarray as xr

from blindspots.study import Study
from blindspots.study_file import validate_study

MODELS = ("fc10-1e-4", "fc100-100-10")
NOISE = ("noise-0.1", "noise-0.1-clipped")
RULES = ("none", "nearest", "random")
N = 2000


@pytest.fixture
def study() -> Study:
    return validate_study(
        {
            "name": "by-hand",
            "models": [
                {"name": "fc10-1e-4", "paper": "FC10(1e-4)", "decay": [1e-4]},
                {"name": "fc100-100-10", "paper": "FC100-100-10", "hidden": [100, 100], "decay": [1e-5, 1e-5, 1e-6]},
            ],
            "sets": {"noise": [0.1]},
        }
    )


def misread(source: str, target: str, split: str, rule: str, seed: int = 0) -> int:
    """The count that the store holds for a cell: no two cells have the same."""
    place = [(*MODELS, "clean", *NOISE).index(source), MODELS.index(target), ("train", "test").index(split)]
    return 1 + sum(
        part * factor for part, factor in zip((*place, RULES.index(rule), seed), (97, 41, 13, 5, 2), strict=True)
    )


def store(seeds: int = 1) -> xr.DataTree:
    sources = [*MODELS, "clean", *NOISE]
    dims = {
        "source": sources,
        "target": list(MODELS),
        "seed": list(range(seeds)),
        "split": ["train", "test"],
        "rule": list(RULES),
        "variant": ["plain", "amplified", "amplified-clipped"],
    }
    shape = tuple(map(len, dims.values()))
    counts = {name: np.zeros(shape, np.int64) for name in ("n", "misread", "clean_misread")}
    for i, source in enumerate(sources):
        for j, target in enumerate(MODELS):
            for seed in range(seeds):
                for k, split in enumerate(("train", "test")):
                    for m, rule in enumerate(RULES):
                        at = (i, j, seed, k, m)
                        counts["n"][at] = N
                        counts["misread"][(*at, 0)] = misread(source, target, split, rule, seed)
                        counts["misread"][(*at, 1)] = counts["misread"][(*at, 2)] = N  # of no interest to these tables
                        counts["clean_misread"][at] = 7 + j
    groups = {"transfer": xr.Dataset({name: (tuple(dims), values) for name, values in counts.items()}, dims)}
    for model in MODELS:
        for seed in range(seeds):
            for rule in ("nearest", "random"):
                groups[f"sets/{model}/seed-{seed}/train/{rule}"] = adversarial_set(model, rule, seed)
    for strength, name in zip((0.1, 0.07), NOISE, strict=True):
        groups[f"references/train/{name}"] = xr.Dataset({"distortion": ("example", [strength, strength])})
    return xr.DataTree.from_dict(groups)


def adversarial_set(model: str, rule: str, seed: int) -> xr.Dataset:
    """Four images: the first misread from the start, the others at distortions whose mean is easy."""
    size = (0.02 if rule == "nearest" else 0.05) + 0.001 * MODELS.index(model) + 0.01 * seed
    exact = np.full(4, np.nan)
    if model == "fc10-1e-4" and rule == "nearest":
        exact = np.array([0, size / 1.25, size, size * 2 / 1.5])
    return xr.Dataset(
        {
            "distortion": ("example", np.array([0.0, size, size, 2 * size])),
            "label": ("example", np.array([3, 1, 4, 1], np.int16)),
            "clean_predicted": ("example", np.array([5, 1, 4, 1], np.int16)),
            "success": ("example", np.array([True] * 4)),
            "survives_eight_bits": ("example", np.array([True, rule == "random", True, rule == "random"])),
            "exact": ("example", exact),
            "lower_bound": ("example", np.array([0.0, 0.01, 0.01, 0.02])),
        }
    )


@pytest.fixture
def tree() -> xr.DataTree:
    return store()
