"""The layout of a table that brings none of its own: a row a cell, a variable a column."""

from typing import Any

import xarray as xr

from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.records import records


def plain_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the one block: what its variables are, where they have a ``long_name``, stands below it."""
    rows = records(table)
    columns = tuple(rows[0]) if rows else tuple(map(str, table.data_vars))
    notes = [f"{name}: {about}." for name in columns if (about := _about(table[name]))]
    return [
        Sheet(
            f"Table {table.attrs['table']}: {table.attrs['title']}",
            columns,
            tuple(tuple(map(_shown, row.values())) for row in rows),
            (" ".join(notes),) if notes else (),
        )
    ]


def _about(array: xr.DataArray) -> str:
    about, units = str(array.attrs.get("long_name", "")), str(array.attrs.get("units", "1"))
    return f"{about}, in {units}" if about and units != "1" else about


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
