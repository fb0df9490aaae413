"""The paper's tables out of a store, ours beside the paper's."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from blindspots.study import Study

TABLES = {
    1: "the models, their errors and their least distortions",
    2: "error rates of the sets made for one model (rows) in another (columns)",
}
"""The tables that can be drawn, by their number in the paper."""


def build_table(number: int, tree: "xr.DataTree", study: "Study") -> "xr.Dataset":
    """Return table ``number`` of the paper out of a store's DataTree.

    Raises :class:`~blindspots.errors.InputError` for a table that is not drawn, or a store that is not finished.
    """
    from blindspots.errors import InputError
    from blindspots.tables.table1 import table1
    from blindspots.tables.table2 import table2

    builders = {1: table1, 2: table2}
    if number not in builders:
        raise InputError(f"there is no table {number}; those drawn are {', '.join(map(str, TABLES))}")
    return builders[number](tree, study)


def render(table: "xr.Dataset", form: str) -> str:
    """Return a table as text, markdown, csv, latex or json; see :mod:`blindspots.tables.formats`."""
    from blindspots.tables import formats

    return formats.render(table, form)
