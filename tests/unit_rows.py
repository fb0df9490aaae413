"""Comparisons of layers written by hand, as a store holds them."""

from typing import Any

import numpy as np
import xarray as xr

from blindspots.study.file import validate_study
from blindspots.study.study import Study
from tests.held import Held

VIEWS, MEASURES, KINDS = ("raw", "unit-length"), ("same label", "pixels"), ("random", "whitened")
UNITS, TOP, IMAGES = 5, 3, 40


def study_of_units(**changes: Any) -> Study:
    return validate_study(
        {
            "name": "by-hand",
            "models": [{"name": "fc4-10", "hidden": [4], "decay": [0, 0]}, {"name": "fc10", "decay": [0]}],
            "units": {"rotations": 19, "top": TOP},
            **changes,
        }
    )


def layer(coherence: float, p: float, *, kept: float = 0.5, place: int = 0, dead: int = 0) -> xr.Dataset:
    """Return a layer whose units have this coherence, and whose directions keep this share of what is above 0.1."""
    of_view = ("view", "measure")
    shares = np.full((2, 2, 2), kept)
    shares[1] -= 0.1
    units = np.full((2, 2), coherence)
    tops = np.arange(UNITS * TOP).reshape(UNITS, TOP) % IMAGES
    return xr.Dataset(
        {
            "units_coherence": (of_view, units),
            "units_distinct": ("view", [0.8, 0.7]),
            "coherence": (("view", "kind", "measure"), 0.1 + np.nan_to_num(shares) * (coherence - 0.1)),
            "kept": (("view", "kind", "measure"), shares),
            "kept_low": (("view", "kind", "measure"), shares - 0.05),
            "kept_high": (("view", "kind", "measure"), shares + 0.07),
            "distinct": (("view", "kind"), np.full((2, 2), 0.9)),
            "p": (of_view, np.full((2, 2), p)),
            "p_distinct": ("view", [0.3, 0.4]),
            "chance": ("measure", [0.1, 0.4]),
            "unit_coherence": (("view", "shown", "measure"), np.full((2, UNITS, 2), coherence)),
            "random_coherence": (("view", "direction", "measure"), np.full((2, UNITS, 2), coherence / 2)),
            "unit": ("shown", np.arange(UNITS) * 2),
            "unit_tops": (("view", "shown", "rank"), np.stack([tops, tops])),
            "random_tops": (("view", "direction", "rank"), np.stack([tops + 1, tops])),
        },
        coords={"view": list(VIEWS), "measure": list(MEASURES), "kind": list(KINDS)},
        attrs={
            "units": UNITS + dead, "dead": dead, "place": place, "images": IMAGES, "top": TOP, "rotations": 19,
            "split": "test",
        },
    )  # fmt: skip


def held(study: Study, *, seeds: int = 1) -> Held:
    """Return results with two layers of one model, one of the other, trained and not, and the pixels."""
    groups = {"units/pixels/pixels": layer(0.3, 1.0, kept=1.4)}
    for seed in range(seeds):
        of = {
            "units/fc4-10/seed-{}/trained/layers.2": layer(0.6, 0.01 + seed / 100, kept=0.7 + seed / 10),
            "units/fc4-10/seed-{}/trained/layers.3": layer(1.0, 0.005, place=1, dead=2),
            "units/fc4-10/seed-{}/untrained/layers.2": layer(0.2, 0.4, kept=1.0),
            "units/fc4-10/seed-{}/untrained/layers.3": layer(0.1, 1.0, kept=np.nan, place=1),
            "units/fc10/seed-{}/trained/layers.1": layer(1.0, 0.02, kept=0.8),
            "units/fc10/seed-{}/untrained/layers.1": layer(0.4, 0.9, kept=0.9),
        }
        groups |= {name.format(seed): found for name, found in of.items()}
    return Held(xr.DataTree.from_dict(groups), study)
