"""The bounds of one model's layers laid out for reading."""

import numpy as np
import xarray as xr

from blindspots.tables import render
from blindspots.tables.sheets.layer import as_table, layer_sheets


def bounds() -> xr.Dataset:
    return xr.Dataset(
        {
            "kind": ("layer", ["Conv2d", "ReLU"]),
            "input_shape": ("layer", ["3x8x8", "4x6x6"]),
            "output_shape": ("layer", ["4x6x6", "4x6x6"]),
            "lower": ("layer", [1.23456789, 1.0]),
            "upper": ("layer", [1.5, np.inf]),
            "running": ("layer", [1.5, np.inf]),
            "method": ("layer", ["FFT", "by definition"]),
        },
        {"layer": ["first", "second"]},
        {"input_shape": "3x8x8", "product": np.inf},
    )


def test_a_row_a_layer_and_the_whole_at_the_end() -> None:
    (sheet,) = layer_sheets(as_table(bounds(), name="mine", missing=("third",)))
    assert sheet.title == "Layers of mine"
    assert sheet.rows == (
        ("first", "Conv2d", "3x8x8", "4x6x6", "1.2346", "1.5", "1.5", "FFT"),
        ("second", "ReLU", "4x6x6", "4x6x6", "1", "unbounded", "unbounded", "by definition"),
        ("the whole network", "", "", "", "", "", "unbounded", ""),
    )
    assert "an image of 3x8x8" in sheet.notes[0]
    assert sheet.notes[1] == "No weights: third. What is said of the whole leaves them out."


def test_it_is_rendered_though_it_is_no_table_of_a_study() -> None:
    table = as_table(bounds(), name="mine")
    assert render(table, "text").startswith("Layers of mine\n")
    assert '"product": null' in render(table, "json")
    assert len(layer_sheets(table)[0].notes) == 1
