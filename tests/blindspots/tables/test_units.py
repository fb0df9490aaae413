"""The table of units out of comparisons written by hand."""

import numpy as np
import pytest

from blindspots.errors import InputError
from blindspots.tables.units import PIXELS, layers_of, random_cell, units_table
from tests.unit_rows import held, study_of_units


def test_a_row_a_layer_in_the_order_of_the_network_then_the_pixels() -> None:
    table = units_table(held(study_of_units()))
    rows = list(
        zip(map(str, table["model"].values), map(str, table["layer"].values), table["trained"].values, strict=True)
    )
    assert rows == [
        ("fc4-10", "layers.2", True),
        ("fc4-10", "layers.3", True),
        ("fc4-10", "layers.2", False),
        ("fc4-10", "layers.3", False),
        ("fc10", "layers.1", True),
        ("fc10", "layers.1", False),
        (PIXELS, "pixels", False),
    ]
    assert table["dead"].values.tolist() == [0, 2, 0, 0, 0, 0, 0]
    assert random_cell(table, 0, "raw", "same label")["kept"].item() == 0.7
    assert random_cell(table, 0, "unit-length", "pixels")["kept"].item() == pytest.approx(0.6)
    assert table.attrs["rotations"] == 19
    assert all("long_name" in table[name].attrs for name in ("kept", "p", "units_coherence"))


def test_seeds_stand_beside_each_other_and_what_has_fewer_is_nan() -> None:
    table = units_table(held(study_of_units(seeds=2), seeds=2))
    np.testing.assert_allclose(random_cell(table, 0, "raw", "same label")["p"].values, [0.01, 0.02])
    pixels = random_cell(table, 6, "raw", "same label")["p"].values
    assert pixels[0] == 1
    assert np.isnan(pixels[1])


def test_untrained_networks_may_not_have_been_looked_at() -> None:
    table = units_table(held(study_of_units(units={"rotations": 19, "top": 3, "untrained": False})))
    assert table["trained"].values.tolist() == [True, True, True, False]


def test_a_model_that_was_not_asked_for_is_left_out() -> None:
    found = list(layers_of(held(study_of_units(units={"rotations": 19, "top": 3, "models": ["fc10"]}))))
    assert {each.model for each in found} == {"fc10", PIXELS}


def test_layers_that_are_compared_otherwise_are_not_set_beside_each_other() -> None:
    results = held(study_of_units())
    found = results.tree["units/fc10/seed-0/trained/layers.1"]
    found.dataset = found.to_dataset().assign_coords(measure=["same label", "features"])
    with pytest.raises(InputError, match=r"the layer layers\.1 of fc10 is compared otherwise; finish it"):
        units_table(results)


def test_a_store_that_is_not_finished_says_so() -> None:
    results = held(study_of_units(seeds=2))
    with pytest.raises(InputError, match=r"the store lacks units/fc4-10/seed-1/trained/layers\.2; finish it"):
        units_table(results)
    del results.tree["units"]["fc4-10"]
    with pytest.raises(InputError, match="the store lacks units/fc4-10/seed-0/trained; finish it"):
        units_table(results)
