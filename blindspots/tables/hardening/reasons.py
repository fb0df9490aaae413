"""What the pools of each way of training are, layer by layer: reached by images or not, and of what weight."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.model_spec import ModelSpec

REACHED = 0.01
"""An activation is reached when an image comes nearer than this share of the pool's change."""

LONG_NAMES = {
    "pool_change": "mean distance of a pool's activations from those of their own images",
    "pool_distance": "mean distance to the nearest activation found that any image of the box has; an upper bound",
    "pool_out_of_reach": "the same as a share of the change, mean over slots; an upper bound",
    "pool_reached": "share of the activations that an image reaches, but for a hundredth of the change",
    "pool_input_change": "mean Euclidean length of the least change found of an image that leads there, or nearly",
    "pool_misread": "share of the pool's activations that what follows the layer misreads",
    "pool_nearest_misread": "share of the images nearest to them that the network misreads",
    "pool_gradient": "share of the loss's gradient that the pool has, by norms",
}


def reasons(results: Results, specs: Sequence[ModelSpec]) -> xr.Dataset:
    """Return means over slots and seeds along ``model`` and ``layer``, 0 being the input; NaN where there is no pool.

    Raises :class:`InputError` where the store lacks something.
    """
    layers = max(len(spec.hidden) for spec in specs) + 1
    found = {name: np.full((len(specs), layers), np.nan) for name in LONG_NAMES}
    for row, spec in enumerate(specs):
        if spec.pools is None or spec.pools.idle:
            continue
        seeds = [results.group(layout.reasons(spec.name, seed)) for seed in range(results.study.seeds)]
        for layer in spec.pools.layers:
            for name, value in _means([each.sel(layer=layer) for each in seeds]).items():
                found[name][row, layer] = value
    return xr.Dataset({name: (("model", "layer"), values) for name, values in found.items()})


def _means(seeds: list[xr.Dataset]) -> dict[str, float]:
    of = {name: np.concatenate([each[name].values for each in seeds]) for name in _SLOTS}
    there = of["change"] > 0  # a slot that is moved at all; NaN is not there
    gradient = float(np.mean([float(each["gradient_share"]) for each in seeds]))
    if not there.any():
        return {"pool_gradient": gradient}
    change, distance, least, misread, nearest = (of[name][there] for name in _SLOTS)
    return {
        "pool_change": float(change.mean()),
        "pool_distance": float(distance.mean()),
        "pool_out_of_reach": float((distance / change).mean()),
        "pool_reached": float((distance <= REACHED * change).mean()),
        "pool_input_change": float(least.mean()),
        "pool_misread": float(misread.mean()),
        "pool_nearest_misread": float(nearest.mean()),
        "pool_gradient": gradient,
    }


_SLOTS = ("change", "distance", "input_change", "misread", "nearest_misread")
