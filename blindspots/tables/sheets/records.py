"""A table as records of plain values, a record a cell: what CSV, JSON and the plain layout are made of."""

import math
from typing import Any

import numpy as np
import xarray as xr

COLUMNS = "columns"
"""The attribute that keeps the order of a table's variables, which a store does not."""


def records(table: xr.Dataset) -> list[dict[str, Any]]:
    """Return a record for each cell of the widest variables, with what its row says repeated; NaN as None.

    A cell of no images is left out: Table 4 has no amplified noise.
    """
    dims = max((tuple(str(dim) for dim in array.dims) for array in table.data_vars.values()), key=len)
    found: list[dict[str, Any]] = []
    for place in _places(table, dims):
        cell = table.sel(place)
        if "n" in cell and int(cell["n"]) == 0:
            continue
        values = {str(name): plain(array.item()) for name, array in cell.data_vars.items()}
        found.append({**{name: plain(value) for name, value in place.items()}, **values})
    return found


def plain(value: Any) -> Any:
    """Return a value as JSON has it: NaN, which it lacks, as None, and numpy's numbers as numbers."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, int | float) else str(value)


def _places(table: xr.Dataset, dims: tuple[str, ...]) -> list[dict[str, Any]]:
    places: list[dict[str, Any]] = [{}]
    for dim in dims:
        places = [{**place, dim: value} for place in places for value in table[dim].values]
    return places
