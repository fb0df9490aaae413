"""The bounds of one model's layers laid out for reading: a row a layer, the whole at the end."""

import math

import xarray as xr

from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import names

LAYERS = "layers"
"""What a data set of :func:`blindspots.spectral.network.network_bounds` is called as a table."""


def as_table(bounds: xr.Dataset, *, name: str, missing: tuple[str, ...] = ()) -> xr.Dataset:
    """Return ``bounds`` as a table about the model ``name``, whose layers ``missing`` have no weights."""
    return bounds.assign_attrs(table=LAYERS, title=f"layers of {name}", missing=", ".join(missing))


def layer_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the one block."""
    about = table.attrs
    rows = [_row(table.sel(layer=layer), layer) for layer in names(table, "layer")]
    rows.append(("the whole network", "", "", "", "", "", _shown(float(about["product"])), ""))
    columns = ("layer", "kind", "input", "output", "lower", "upper", "running", "method")
    notes: tuple[str, ...] = (
        "Lower and upper bound of each layer's Lipschitz constant in Euclidean norms; running: how far its output "
        f"moves at most for a unit of the network's input, an image of {about['input_shape']}.",
    )
    if about["missing"]:
        notes += (f"No weights: {about['missing']}. What is said of the whole leaves them out.",)
    return [Sheet(about["title"].capitalize(), columns, tuple(rows), notes)]


def _row(row: xr.Dataset, layer: str) -> tuple[str, ...]:
    texts = (str(row[name].item()) for name in ("kind", "input_shape", "output_shape"))
    numbers = (_shown(float(row[name])) for name in ("lower", "upper", "running"))
    return (layer, *texts, *numbers, str(row["method"].item()))


def _shown(value: float) -> str:
    return "unbounded" if math.isinf(value) else f"{value:.5g}"
