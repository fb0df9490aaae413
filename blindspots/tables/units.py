"""The units of every layer beside random directions, a row a layer: section 3's claim, measured."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.results.results import UNFINISHED, Results
from blindspots.store import layout
from blindspots.study.study import Study
from blindspots.tables.rows import common_attributes, describe, texts
from blindspots.units.comparison import RANDOM
from blindspots.units.record import LONG_NAMES

PIXELS = "pixels"
"""What stands for a model where pixels are looked at as if they were units."""


@dataclass(frozen=True)
class LayerOfSeeds:
    """A layer of a model, trained or not, with what each seed's model has of it."""

    model: str
    layer: str
    trained: bool
    seeds: tuple[xr.Dataset, ...]


def units_table(results: Results) -> xr.Dataset:
    """Return how alike the top images of units and of other directions are, along ``row``: layers, and the pixels.

    By ``seed``, ``view`` (raw, or at unit length per picture), ``measure`` and ``kind`` of direction: coherences, the
    share ``kept`` of the units' above chance with its 95% interval over units and bases, ``p`` of the units among
    random rotations, and shares of different pictures. NaN where a row has fewer seeds.

    Raises :class:`InputError` where the store lacks the comparisons.
    """
    study = results.study
    rows = list(layers_of(results))
    first = rows[0].seeds[0]
    views, measures, kinds = ([str(each) for each in first[name].values] for name in ("view", "measure", "kind"))
    seeds = max(len(row.seeds) for row in rows)
    by = ("row", "seed", "view")
    sizes = {"row": len(rows), "seed": seeds, "view": len(views), "measure": len(measures), "kind": len(kinds)}
    dims = {
        **dict.fromkeys(("units_coherence", "p"), (*by, "measure")),
        **dict.fromkeys(("units_distinct", "p_distinct"), by),
        **dict.fromkeys(("coherence", "kept", "kept_low", "kept_high"), (*by, "kind", "measure")),
        "distinct": (*by, "kind"),
        "chance": ("row", "seed", "measure"),
    }
    values = {name: np.full([sizes[dim] for dim in of], np.nan) for name, of in dims.items()}
    for index, row in enumerate(rows):
        for seed, found in enumerate(row.seeds):
            if [str(each) for each in found["measure"].values] != measures:
                raise InputError(f"the layer {row.layer} of {row.model} is compared otherwise; {UNFINISHED}")
            for name in dims:
                values[name][index, seed] = found[name].values
    table = xr.Dataset(
        {
            "model": ("row", texts(row.model for row in rows)),
            "layer": ("row", texts(row.layer for row in rows)),
            "trained": ("row", np.array([row.trained for row in rows])),
            "units": ("row", np.array([row.seeds[0].attrs["units"] for row in rows], np.int64)),
            "dead": ("row", np.array([row.seeds[0].attrs["dead"] for row in rows], np.int64)),
            "shown": ("row", np.array([row.seeds[0].sizes["shown"] for row in rows], np.int64)),
            **{name: (of, values[name]) for name, of in dims.items()},
        },
        coords={"view": texts(views), "measure": texts(measures), "kind": texts(kinds)},
        attrs={
            **common_attributes("units", study),
            "seeds": seeds,
            "images": int(first.attrs["images"]),
            "top": int(first.attrs["top"]),
            "rotations": int(first.attrs["rotations"]),
            "split": str(first.attrs["split"]),
        },
    )
    return describe(table, {**_LONG_NAMES, **{name: LONG_NAMES[name] for name in dims}})


_LONG_NAMES = {
    "layer": "name of the layer; pixels: the images themselves",
    "trained": "whether the weights are trained, or those before any training",
    "units": "units of the layer, of the first seed",
    "dead": "those of them that answer to too few images, and were left out",
    "shown": "units that were looked at, and directions of each rotation",
}
"""Of what is not in a layer's own record."""


def layers_of(results: Results) -> Iterator[LayerOfSeeds]:
    """Yield every layer that was looked at: the models', trained before untrained, then the pixels.

    Raises :class:`InputError` where the store lacks one.
    """
    study = results.study
    for model in study.unit_models:
        for trained in (True, False) if study.units.untrained else (True,):
            groups = [layout.units(model, seed, trained=trained) for seed in seeds_of(study, model)]
            for layer in _names(results, groups[0]):
                found = tuple(results.group(f"{group}/{layer}") for group in groups)
                yield LayerOfSeeds(model, layer, trained, found)
    for layer in _names(results, layout.pixel_units()):
        yield LayerOfSeeds(PIXELS, layer, False, (results.group(f"{layout.pixel_units()}/{layer}"),))


def seeds_of(study: Study, model: str) -> range:
    """Return the seeds of a model: of one that no model of the study is there is one."""
    return range(study.seeds if any(spec.name == model for spec in study.models) else 1)


def _names(results: Results, group: str) -> list[str]:
    """Return the layers in a group, from the input on."""
    try:
        found = results.tree[group]
    except KeyError:
        raise InputError(f"the store lacks {group}; {UNFINISHED}") from None
    of = {str(name): int(each.attrs.get("place", 0)) for name, each in found.children.items()}
    return sorted(of, key=lambda name: of[name])


def random_cell(table: xr.Dataset, row: int, view: str, measure: str) -> xr.Dataset:
    """Return the cell of random directions of one row, along ``seed``."""
    return table.isel(row=row).sel(view=view, measure=measure, kind=RANDOM)
