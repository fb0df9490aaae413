"""Tables by their names: drawn from what a study made, or read back as its run drew them."""

import xarray as xr

from blindspots.errors import InputError
from blindspots.results.results import Results
from blindspots.tables.registry import TABLES, Table
from blindspots.tables.sheets.records import COLUMNS


def draw_table(name: str | int, results: Results) -> xr.Dataset:
    """Draw the table ``name`` from the sets, counts and bounds in the store.

    Raises :class:`InputError` for a table that there is not, one that the study has nothing for, or a store that is not
    finished.
    """
    entry = _of_study(name, results)
    table = entry.draw(results)
    return table.assign_attrs({COLUMNS: [str(column) for column in table.data_vars]})


def read_table(name: str | int, results: Results) -> xr.Dataset:
    """Return the table ``name`` as the study's run drew it, or draw it where it is not in the store.

    Table 5 can be had of any study: where none names weights, no row has a number of ours. Raises as
    :func:`draw_table` does.
    """
    entry = _of_study(name, results)
    stored = results.table(entry.name) if entry.wanted(results.study) else None
    return draw_table(name, results) if stored is None else in_order(stored)


def in_order(table: xr.Dataset) -> xr.Dataset:
    """Return a stored table with its variables in the order in which they were drawn.

    By name, where the store was made by a version that did not keep their order.
    """
    found = sorted(map(str, table.data_vars))
    columns = table.attrs.get(COLUMNS)
    return table[columns if columns is not None and sorted(columns) == found else found]


def _of_study(name: str | int, results: Results) -> Table:
    entry, study = TABLES.find(name), results.study
    if lacking := entry.lacks(study):
        raise InputError(f"table {entry.name} is not in the study {study.name}, which has {lacking}")
    return entry
