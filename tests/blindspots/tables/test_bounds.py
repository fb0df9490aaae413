"""The table of the models' bounds out of numbers written by hand."""

import warnings

import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from blindspots.tables import render
from blindspots.tables.bounds import bounds_table
from blindspots.tables.sheets.bounds import _few, bounds_sheets
from tests.held import Held

CONTENT = {
    "name": "by-hand",
    "models": [
        {"name": "fc10", "paper": "FC10(1)", "decay": [1]},
        {"name": "conv", "network": "convolutional", "channels": [4], "decay": [0, 0]},
    ],
}


@pytest.fixture
def study() -> Study:
    return validate_study(CONTENT)


def layers(product: float, kinds: list[str], upper: list[float]) -> xr.Dataset:
    return xr.Dataset({"kind": ("layer", kinds), "upper": ("layer", upper)}, attrs={"product": product})


def nearest(bound: list[float]) -> xr.Dataset:
    """Four images: two read correctly with a known distortion, one misread from the start, one without success."""
    # what is certified holds of the last one too
    return xr.Dataset(
        {
            "distortion": ("example", [0.1, 0.4, 0.0, 0.0]),
            "clean_predicted": ("example", [1, 2, 9, 4]),
            "label": ("example", [1, 2, 3, 4]),
            "success": ("example", [True, True, True, False]),
            "exact": ("example", np.full(4, np.nan)),
            "lower_bound": ("example", [*bound, 0.0, 0.3]),
            "survives_eight_bits": ("example", [True] * 4),
        }
    )


def store(seeds: int = 1) -> xr.DataTree:
    groups = {}
    for seed in range(seeds):
        groups[f"spectral/fc10/seed-{seed}"] = layers(2.5 + seed, ["Flatten", "Linear"], [1, 2.5 + seed])
        groups[f"spectral/conv/seed-{seed}"] = layers(6.0, ["Conv2d", "ReLU", "Linear"], [2, 1, 3])
        groups[f"certified/fc10/seed-{seed}"] = xr.Dataset(
            {
                "example": ("example", [4, 7, 1, 2]),
                "found": ("example", [0.1, 0.2, np.nan, 0.0]),
                "certified": ("example", [0.1, 0.1, 0.3, 0.0]),
                "read": ("example", [True, True, True, False]),
            },
            attrs={"method": "local"},
        )
        groups[f"certified/conv/seed-{seed}"] = xr.Dataset(
            {
                "example": ("example", [4]),
                "found": ("example", [0.1]),
                "certified": ("example", [0.0995]),
                "read": ("example", [True]),
            },
            attrs={"method": "relaxation"},
        )
        groups[f"sets/fc10/seed-{seed}/train/nearest"] = nearest([0.1, 0.2])
        groups[f"sets/conv/seed-{seed}/train/nearest"] = nearest([0.02, 0.02])
    return xr.DataTree.from_dict(groups)


def test_bounds_stand_beside_what_was_found(study: Study) -> None:
    table = bounds_table(Held(store(), study))
    np.testing.assert_allclose(table["product"], [2.5, 6])
    np.testing.assert_allclose(table["distortion"], [0.25, 0.25])
    np.testing.assert_allclose(table["closed"], [0.75, (0.2 + 0.05) / 2])
    np.testing.assert_allclose(table["near"], [0.75, 0.995])
    np.testing.assert_allclose(table["near_close"], [0.5, 1])
    np.testing.assert_allclose(table["minimal"], [0.5, 0])
    assert table["near_images"].values.tolist() == [2, 1]
    assert table["images"].values.tolist() == [2, 2]
    assert table["norms"].values.tolist() == ["2.5", "2, 3"]
    (sheet,) = bounds_sheets(table)
    assert sheet.rows[0] == ("FC10(1)", "2.5", "2.5", "0.2500", "0.2000", "75", "75", "local", "50", "50")
    assert "seeds" not in " ".join(sheet.notes)
    for form in ("text", "markdown", "csv", "latex", "json"):
        assert "conv" in render(table, form)


def test_seeds_are_averaged_and_their_ends_shown(study: Study) -> None:
    table = bounds_table(Held(store(2), study.model_copy(update={"seeds": 2})))
    assert [float(table[name][0]) for name in ("product", "product_least", "product_most")] == [3.0, 2.5, 3.5]
    (sheet,) = bounds_sheets(table)
    assert sheet.rows[0][2] == "3 [2.5, 3.5]"
    assert "means over 2 seeds" in sheet.notes[0]


def test_without_nearest_sets_the_bounds_stand_alone(study: Study) -> None:
    table = bounds_table(Held(store(), validate_study({**CONTENT, "sets": {"rules": ["random"]}})))
    assert np.isnan(table["closed"]).all()
    assert bounds_sheets(table)[0].rows[1] == ("conv", "2, 3", "6", *[""] * 7)


def test_what_the_store_lacks_is_said(study: Study) -> None:
    with pytest.raises(InputError, match=r"the store lacks spectral/fc10/seed-0; .*blindspots run"):
        bounds_table(Held(xr.DataTree(), study))


def test_of_many_layers_the_range_is_said() -> None:
    assert _few("3, 1.5, 2") == "3, 1.5, 2"
    assert _few(", ".join(f"{norm:.4g}" for norm in (3.0, 10.25, 0.5, 4, 5, 6, 7, 8, 9))) == "9: 0.5 to 10.25"


def test_a_model_that_reads_nothing_correctly_has_no_mean_and_no_warning(study: Study) -> None:
    tree = store()
    found = tree["sets/fc10/seed-0/train/nearest"]
    found.dataset = found.to_dataset().assign(clean_predicted=found["label"] + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = bounds_table(Held(tree, study))
    assert np.isnan(table["closed"].values).tolist() == [True, False]
    assert table["images"].values.tolist() == [0, 2]
