"""Table 5: bounds of AlexNet's layers, the paper's beside those of weights at hand (section 4.3)."""

import math

import numpy as np
import xarray as xr

from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.tables.registry import TABLES
from blindspots.tables.rows import texts

PAPER = {
    "Conv 1": ("3 x 11 x 11 x 96", "4", "2.75"),
    "Conv 2": ("96 x 5 x 5 x 256", "1", "10"),
    "Conv 3": ("256 x 3 x 3 x 384", "1", "7"),
    "Conv 4": ("384 x 3 x 3 x 384", "1", "7.5"),
    "Conv 5": ("384 x 3 x 3 x 256", "1", "11"),
    "FC 1": ("9216 x 4096", "", "3.12"),
    "FC 2": ("4096 x 4096", "", "4"),
    "FC 3": ("4096 x 1000", "", "4"),
}
"""Size, stride and upper bound of every layer that the paper's table has, as printed."""

CONTRACTIVE = "1, contractive"
"""What the paper says of pooling."""

NO_WEIGHTS = "no weights"
"""The state of a row without weights, which has none of our numbers."""

NETWORKS = {
    "alexnet": "the widespread AlexNet, not the paper's: 64-192-384-256-256 maps, no groups, no response normalisation",
    "alexnet-2012": "the AlexNet of 2012, the paper's: 96-256-384-384-256 maps, two groups, response normalisation",
}
"""Which AlexNet, by the name of a model that was opened (slip "two AlexNets")."""

_OURS = {
    "lower": "some pair of inputs is spread at least this much; of the input as fed",
    "upper": "no pair of inputs is spread more than this; of the input as fed",
    "lower_per_pixel": "the lower bound per unit of a pixel in [0, 1]",
    "upper_per_pixel": "the upper bound per unit of a pixel in [0, 1]",
    "printed": "equation (1) as printed, with the stride squared under it, on the input's own grid; no bound",
    "corrected": "equation (1) with the stride once under it, on the same grid: a circular layer's norm; no bound",
    "reshaped": "norm of the kernel as a matrix (outputs, the rest), as in torch's spectral_norm; no bound",
}


def table5_of_study(results: Results) -> xr.Dataset:
    """Return Table 5 with the bounds of the AlexNet that a study names, or the paper's rows alone where it names none.

    Raises :class:`~blindspots.errors.InputError` where the store lacks the bounds.
    """
    return table5(results.group(layout.alexnet_bounds()) if results.study.bounds.alexnet else None)


def table5(layers: xr.Dataset | None) -> xr.Dataset:
    """Return Table 5 (row): the paper's size, stride and bound, and ours.

    ``layers``: what :func:`~blindspots.tables.table5.layers.alexnet_layers` returns, or None where there are no
    weights at all: then the paper's rows stand alone. A row of the paper's without weights has the state
    :data:`NO_WEIGHTS` and NaN for each of our numbers. Rows for pooling and response normalisation, which the paper's
    table lacks, stand where the network has such layers.
    """
    ours = [] if layers is None else [str(row) for row in layers["row"].values]
    rows = [*ours, *(row for row in PAPER if row not in ours)]
    printed = [_printed(row) for row in rows]
    found = None if layers is None else layers.reindex(row=texts(rows), fill_value=_NOTHING)
    state = [NO_WEIGHTS] * len(rows)
    if found is not None:
        state = [NO_WEIGHTS if np.isnan(upper) else "" for upper in found["upper"].values]
    nothing = np.full(len(rows), np.nan)
    table = xr.Dataset(
        {
            "paper_size": ("row", texts(PAPER.get(row, ("", "", ""))[0] for row in rows)),
            "paper_stride": ("row", texts(PAPER.get(row, ("", "", ""))[1] for row in rows)),
            "paper_printed": ("row", texts(printed)),
            "paper": ("row", [float(each.partition(",")[0] or "nan") for each in printed]),
            "state": ("row", texts(state)),
            **{
                name: ("row", texts([""] * len(rows) if found is None else map(str, found[name].values)))
                for name in ("layer", "size", "stride")
            },
            **{name: ("row", nothing if found is None else found[name].values) for name in _OURS},
        },
        coords={"row": texts(rows)},
        attrs={
            "table": 5,
            "title": TABLES["5"].title,
            "paper_product": math.prod(float(bound) for _, _, bound in PAPER.values()),
            "source": "https://arxiv.org/abs/1312.6199",
        },
    )
    if layers is not None:
        table.attrs |= {
            "network": layers.attrs["network"],
            "described": NETWORKS[layers.attrs["network"]],
            "input_shape": layers.attrs["input_shape"],
            "product": layers.attrs["product"],
            "product_per_pixel": layers.attrs["product_per_pixel"],
            "whole": int(not any(state)),
        }
    return _described(table)


_NOTHING = {"layer": "", "size": "", "stride": "", **dict.fromkeys(_OURS, np.nan)}


def _printed(row: str) -> str:
    return CONTRACTIVE if row.startswith("Pool") else PAPER.get(row, ("", "", ""))[2]


def _described(table: xr.Dataset) -> xr.Dataset:
    names = {"paper": "the paper's bound; its caption calls these frame bounds, but they are norms", **_OURS}
    for name, text in names.items():
        table[name].attrs |= {"long_name": text, "units": "1"}
    return table
