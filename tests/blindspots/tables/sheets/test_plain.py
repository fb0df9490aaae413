"""The layout of tables that bring none of their own."""

import numpy as np
import xarray as xr

from blindspots.tables.sheets.plain import plain_sheets


def table() -> xr.Dataset:
    return xr.Dataset(
        {
            "share": (("model", "rule"), [[0.123456789, np.nan], [2, 1e-7]], {"long_name": "share misread"}),
            "least": ("model", [1, 2], {"long_name": "least distortion", "units": "pixel value"}),
            "called": ("model", ["A", "B"]),
        },
        {"model": ["a", "b"], "rule": ["nearest", "random"]},
        {"table": "mine", "title": "what is mine"},
    )


def test_a_row_a_cell_and_a_column_a_variable() -> None:
    (sheet,) = plain_sheets(table())
    assert sheet.title == "Table mine: what is mine"
    assert sheet.columns == ("model", "rule", "share", "least", "called")
    assert sheet.rows == (
        ("a", "nearest", "0.12346", "1", "A"),
        ("a", "random", "", "1", "A"),
        ("b", "nearest", "2", "2", "B"),
        ("b", "random", "1e-07", "2", "B"),
    )
    assert sheet.notes == ("share: share misread. least: least distortion, in pixel value.",)


def test_a_table_without_rows_has_its_columns() -> None:
    (sheet,) = plain_sheets(table().isel(model=[]))
    assert (sheet.columns, sheet.rows) == (("share", "least", "called"), ())
