"""Training curves out of the tiny study's store, and of phases written by hand."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.figures.training_curves import curves, training_curves
from blindspots.results.results import Results
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from tests.held import Held

PHASES = {"flag_values": [0, 1, 2], "flag_meanings": "autoencoder minibatches full-batch"}


def curve(iterations: list[int], phases: list[int]) -> xr.Dataset:
    """The loss of iteration i is i + 1, the error a hundredth of that; minibatches have no gradient."""
    numbers = np.array(iterations, np.float64) + 1
    gradient = np.where(np.array(phases) == 1, np.nan, numbers)
    return xr.Dataset(
        {
            "loss": ("iteration", numbers),
            "error": ("iteration", numbers / 100),
            "gradient_norm": ("iteration", gradient),
            "phase": ("iteration", np.array(phases, np.int8), PHASES),
        },
        coords={"iteration": iterations},
    )


@pytest.fixture
def study() -> Study:
    models = [{"name": name, "decay": [1e-4]} for name in ("one",)]
    return validate_study(
        {
            "name": "by-hand",
            "seeds": 2,
            "models": [*models, {"name": "two", "network": "autoencoder", "hidden": [4], "decay": [0]}],
        }
    )


@pytest.fixture
def tree() -> xr.DataTree:
    return xr.DataTree.from_dict(
        {
            "training/one/seed-0": curve([1, 2, 0, 1, 2, 3], [1, 1, 2, 2, 2, 2]),
            "training/one/seed-1": curve([0, 1], [2, 2]),
            "training/two/seed-0": curve([0, 1, 2, 2, 3, 4], [0, 0, 0, 2, 2, 2]),
        }
    )


def test_phases_are_apart_and_count_from_their_beginning(tree: xr.DataTree, study: Study) -> None:
    found = curves(Held(tree, study))
    assert {phase: list(models) for phase, models in found.items()} == {
        "full-batch": [("one", 0), ("one", 1), ("two", 0)],
        "autoencoder": [("two", 0)],
        "minibatches": [("one", 0)],
    }
    assert found["full-batch"]["two", 0]["iteration"].values.tolist() == [0, 1, 2]
    assert found["full-batch"]["two", 0]["loss"].values.tolist() == [3, 4, 5]
    assert found["minibatches"]["one", 0]["iteration"].values.tolist() == [1, 2]


def test_every_phase_has_its_row_and_what_it_lacks_is_left_empty(tree: xr.DataTree, study: Study) -> None:
    figure = training_curves(Held(tree, study))
    shown = [[bool(axes.lines) for axes in figure.axes[row : row + 3]] for row in (0, 3, 6)]
    assert shown == [[True, True, True], [True, False, True], [True, True, False]]
    loss, error = figure.axes[0], figure.axes[1]
    assert len(loss.lines) == 3
    assert loss.lines[0].get_color() == loss.lines[1].get_color() != loss.lines[2].get_color()
    assert loss.lines[0].get_linewidth() > loss.lines[1].get_linewidth()  # the second seed
    assert loss.get_yscale() == "log"
    np.testing.assert_allclose(error.lines[0].get_ydata(), [1, 2, 3, 4])  # in percent
    assert error.get_ylabel() == "training error, %"
    assert error.get_ylim()[0] == 0
    assert [text.get_text() for text in figure.legends[0].texts] == ["one", "two"]


def test_every_model_of_a_store_is_drawn(tiny_root: Path) -> None:
    with Results(tiny_root) as results:
        figure = training_curves(results)
        stored = results.tree["training/fc20-10/seed-0/loss"].values
    assert len(figure.axes) == 3
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_ydata(), stored)


def test_a_store_without_curves_is_refused(tiny: Study) -> None:
    with pytest.raises(InputError, match="no training curves"):
        training_curves(Held(xr.DataTree(), tiny))
