"""Tables as records of plain values."""

import numpy as np
import pytest
import xarray as xr

from blindspots.tables.sheets.records import plain, records


def test_a_record_a_cell_with_what_its_row_says_repeated() -> None:
    table = xr.Dataset(
        {"rate": (("model", "rule"), [[0.5, np.nan]]), "name": ("model", ["A"]), "n": ("rule", [3, 7])},
        {"model": ["a"], "rule": ["nearest", "random"]},
    )
    assert records(table) == [
        {"model": "a", "rule": "nearest", "rate": 0.5, "name": "A", "n": 3},
        {"model": "a", "rule": "random", "rate": None, "name": "A", "n": 7},
    ]


def test_a_whole_number_along_a_dimension_is_no_text() -> None:
    table = xr.Dataset({"rate": (("model", "seed"), [[0.5, 1.0]])}, {"model": ["a"], "seed": [0, 1]})
    assert [record["seed"] for record in records(table)] == [0, 1]
    assert {type(record["seed"]) for record in records(table)} == {int}


def test_a_cell_of_no_images_is_left_out() -> None:
    table = xr.Dataset({"rate": ("model", [0.5, 0.0]), "n": ("model", [3, 0])}, {"model": ["a", "b"]})
    assert [record["model"] for record in records(table)] == ["a"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((1, 1), (0.5, 0.5), (np.nan, None), (np.inf, None), ("a", "a"), (np.str_("b"), "b")),
        *((np.int64(0), 0), (np.float32(0.5), 0.5), (np.float32(np.nan), None), (np.bool_(True), True)),
    ],
)
def test_values_are_those_that_json_has(value: object, expected: object) -> None:
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)
