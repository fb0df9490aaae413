"""A layer's comparisons as arrays with names: what the store keeps of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from blindspots.units.coherence import OF_FEATURES, OF_PIXELS, OF_WORDNET, SAME_BRANCH, SAME_LABEL
from blindspots.units.comparison import RANDOM, UNITS, Comparison
from blindspots.units.statistics import kept, rank_p


def record(
    views: Mapping[str, Comparison], ids: np.ndarray, *, seed: int = 0, attributes: Mapping[str, Any]
) -> xr.Dataset:
    """Return the comparisons of one layer, by how its activations are taken, as one data set.

    ``ids``: (n,) the examples that the images are, in their order. Coherences by kind of direction and measure, the
    share that each kind keeps of the units' with its 95% interval, p of the units' rank among the random rotations,
    shares of different pictures, and the examples to which each unit and each direction of the first rotation answers
    most.
    """
    first = next(iter(views.values()))
    kinds = [kind for kind in first.bases if kind != UNITS]
    names = list(first.measures)
    shape = (len(views), len(kinds), len(names))
    shares = {name: np.full(shape, np.nan) for name in ("coherence", "kept", "kept_low", "kept_high")}
    p, p_distinct = np.full((len(views), len(names)), np.nan), np.full(len(views), np.nan)
    distinct = np.full((len(views), len(kinds)), np.nan)
    for v, view in enumerate(views.values()):
        units = view.bases[UNITS][0]
        for k, kind in enumerate(kinds):
            bases = view.bases[kind]
            distinct[v, k] = np.mean([basis.distinct for basis in bases])
            for m in range(len(names)):
                of_bases = np.array([basis.coherence[m] for basis in bases])
                shares["coherence"][v, k, m] = of_bases.mean()
                found = kept(view.unit_coherence[:, m], of_bases, view.chance[m], seed=seed)
                cells = (found.value, found.low, found.high)
                shares["kept"][v, k, m], shares["kept_low"][v, k, m], shares["kept_high"][v, k, m] = cells
        rotations = view.bases[RANDOM]
        for m in range(len(names)):
            p[v, m] = rank_p(units.coherence[m], np.array([basis.coherence[m] for basis in rotations]))
        p_distinct[v] = rank_p(units.distinct, np.array([basis.distinct for basis in rotations]))

    def stacked(name: str) -> np.ndarray:
        return np.stack([getattr(view, name) for view in views.values()])

    of_units = [view.bases[UNITS][0] for view in views.values()]
    of_random = [view.bases[RANDOM] for view in views.values()]
    dims = ("view", "kind", "measure")
    found_arrays: dict[str, tuple[Any, np.ndarray]] = {
        "units_coherence": (("view", "measure"), np.stack([basis.coherence for basis in of_units])),
        "units_distinct": (("view",), np.array([basis.distinct for basis in of_units])),
        **{name: (dims, values) for name, values in shares.items()},
        "distinct": (("view", "kind"), distinct),
        "p": (("view", "measure"), p),
        "p_distinct": (("view",), p_distinct),
        "chance": (("measure",), first.chance),
        "unit": (("shown",), first.units),
        "unit_coherence": (("view", "shown", "measure"), stacked("unit_coherence")),
        "random_coherence": (("view", "direction", "measure"), stacked("random_coherence")),
        "unit_tops": (("view", "shown", "rank"), ids[stacked("unit_tops")]),
        "random_tops": (("view", "direction", "rank"), ids[stacked("random_tops")]),
        "rotation_coherence": (
            ("view", "rotation", "measure"),
            np.stack([[basis.coherence for basis in bases] for bases in of_random]),
        ),
        "rotation_distinct": (("view", "rotation"), np.array([[basis.distinct for basis in b] for b in of_random])),
    }
    return xr.Dataset(
        {name: (dims, values, {"long_name": LONG_NAMES[name]}) for name, (dims, values) in found_arrays.items()},
        coords={
            "view": np.array(list(views), dtype=object),
            "kind": np.array(kinds, dtype=object),
            "measure": np.array(names, dtype=object),
        },
        attrs={"units": first.size, "dead": first.dead, **attributes},
    )


def deciding(found: xr.Dataset) -> str:
    """Return the measure by which units and directions are compared first: the one that says most of what is in images.

    The same label, unless no two images have one; then WordNet's, another network's features, or the pixels.
    """
    there = [str(each) for each in found["measure"].values]
    chance = dict(zip(there, np.nanmax(found["chance"].values.reshape(-1, len(there)), axis=0), strict=True))
    ranked = [name for name in (SAME_LABEL, OF_WORDNET, SAME_BRANCH, OF_FEATURES, OF_PIXELS) if chance.get(name, 0) > 0]
    return ranked[0] if ranked else there[0]


LONG_NAMES: Mapping[str, str] = {
    "units_coherence": "how alike the top images of a unit are: mean over units",
    "units_distinct": "different images in the units' sets, as a share of what they could hold",
    "coherence": "how alike the top images of a direction are: mean over the kind's bases",
    "kept": "(directions - chance) / (units - chance)",
    "kept_low": "lower end of its 95% interval: bootstrap over units and bases",
    "kept_high": "upper end of that interval",
    "distinct": "different images in the directions' sets, as a share of what they could hold: mean over bases",
    "p": "(1 + random rotations at least as coherent as the units) / (rotations + 1)",
    "p_distinct": "(1 + random rotations with at least as many different images) / (rotations + 1)",
    "chance": "what sets of random images have",
    "unit": "number of the unit in the flattened layer",
    "unit_coherence": "how alike the top images of each unit are",
    "random_coherence": "how alike the top images of each direction of the first random rotation are",
    "unit_tops": "examples to which each unit answers most, the first first",
    "random_tops": "examples to which each direction of the first random rotation answers most",
    "rotation_coherence": "how alike the top images are: mean over the directions of each random rotation",
    "rotation_distinct": "different images in the sets of each random rotation, as a share",
}
