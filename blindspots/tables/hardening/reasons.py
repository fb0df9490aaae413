"""What the pools of each way of training are, layer by layer: whether images reach them, and what they weigh."""

from math import nan

import numpy as np
import xarray as xr

from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.recipes.recipe import recipe_of, settings_of, with_pools
from blindspots.tables.rows import common_attributes, texts

REACHED = 0.01
"""An activation is reached when an image comes nearer than this share of the pool's change."""

_LONG_NAMES = {
    "recipe": "way of training",
    "settings": "its numbers",
    "n": "slots looked at that are moved, all seeds together",
    "change": "mean distance of a pool's activations from those of their own images",
    "distance": "mean distance to the nearest activation found that any image of the box has; an upper bound",
    "out_of_reach": "the same as a share of the change, mean over slots; an upper bound",
    "reached": "share of the activations that an image reaches, but for a hundredth of the change",
    "input_change": "mean Euclidean length of the least change found of an image that leads there, or nearly",
    "misread": "share of the pool's activations that what follows the layer misreads",
    "nearest_misread": "share of the images nearest to them that the network misreads",
    "gradient": "share of the loss's gradient that the pool has, by norms",
}


def reasons_table(results: Results) -> xr.Dataset:
    """Return means over slots and seeds along ``model`` and ``layer``, 0 being the input; ``n`` is 0 without a pool.

    Raises :class:`InputError` where the store lacks something.
    """
    study = results.study
    specs = with_pools(study)
    layers = max(max(spec.pools.layers) for spec in specs if spec.pools) + 1
    shape = (len(specs), layers)
    found = {name: np.full(shape, nan) for name in list(_LONG_NAMES)[3:]}
    counts = np.zeros(shape, np.int64)
    for row, spec in enumerate(specs):
        seeds = [results.group(layout.reasons(spec.name, seed)) for seed in range(study.seeds)]
        for layer in spec.pools.layers if spec.pools else ():
            counts[row, layer], means = _means([each.sel(layer=layer) for each in seeds])
            for name, value in means.items():
                found[name][row, layer] = value
    table = xr.Dataset(
        {
            "recipe": ("model", texts(map(recipe_of, specs))),
            "settings": ("model", texts(map(settings_of, specs))),
            "n": (("model", "layer"), counts),
            **{name: (("model", "layer"), values) for name, values in found.items()},
        },
        coords={"model": texts(spec.name for spec in specs), "layer": np.arange(layers)},
        attrs=common_attributes("reasons", study),
    )
    for name, text in _LONG_NAMES.items():
        table[name].attrs |= {"long_name": text, "units": _UNITS.get(name, "1")}
    return table


def _means(seeds: list[xr.Dataset]) -> tuple[int, dict[str, float]]:
    """Return how many slots are moved, and the means over those."""
    of = {name: np.concatenate([each[name].values for each in seeds]) for name in _SLOTS}
    there = of["change"] > 0  # a slot that is moved at all; NaN is not there
    gradient = float(np.mean([float(each["gradient_share"]) for each in seeds]))
    if not there.any():
        return 0, {}
    change, distance, least, misread, nearest = (of[name][there] for name in _SLOTS)
    return int(there.sum()), {
        "change": float(change.mean()),
        "distance": float(distance.mean()),
        "out_of_reach": float((distance / change).mean()),
        "reached": float((distance <= REACHED * change).mean()),
        "input_change": float(least.mean()),
        "misread": float(misread.mean()),
        "nearest_misread": float(nearest.mean()),
        "gradient": gradient,
    }


_UNITS = {"change": "activation", "distance": "activation", "input_change": "pixel value"}
_SLOTS = ("change", "distance", "input_change", "misread", "nearest_misread")
