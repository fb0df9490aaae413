"""An autoencoder's filters, out of weights written by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.figures.filters import draw_filters, filters, first_layer
from blindspots.networks.build import build_network
from blindspots.store import layout
from blindspots.store.weights import save_weights
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from tests.held import Held


@pytest.fixture
def study() -> Study:
    return validate_study(
        {
            "name": "by-hand",
            "models": [
                {"name": "fc10", "decay": [0]},
                {"name": "ae9-10", "network": "autoencoder", "hidden": [9], "decay": [0]},
                {"name": "conv2-10", "network": "convolutional", "channels": [2], "decay": [0, 0]},
            ],
        }
    )


@pytest.fixture
def results(study: Study, mnist: Dataset, tmp_path: Path) -> Held:
    results = Held(xr.DataTree(), study, tmp_path)
    for spec in study.models[1:]:
        network = build_network(spec, shape=mnist.shape, classes=10)
        save_weights(results.place, layout.weights(spec.name, 0), network.state_dict(), {})
    return results


def test_the_first_layer_is_drawn_unit_by_unit(results: Held) -> None:
    weights = first_layer(results, "ae9-10")
    assert weights.shape == (9, 784)
    figure = filters(results)
    (axes,) = figure.axes
    assert axes.get_title() == "ae9-10: all 9 filters of the first layer"
    picture = np.asarray(axes.images[0].get_array())
    assert picture.shape == (3 * 30 - 2, 3 * 30 - 2)
    fifth = weights[4].reshape(28, 28)
    np.testing.assert_allclose(picture[30:58, 30:58], 0.5 + 0.5 * fifth / np.abs(fifth).max(), atol=1e-6)


def test_each_filter_is_divided_by_its_own_largest_absolute_weight() -> None:
    axes = Figure().add_subplot()
    images = np.stack([np.full((2, 2), 3.0), np.array([[0, -8.0], [4.0, 0]]), np.zeros((2, 2))])
    assert draw_filters(axes, images) is axes
    picture = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(picture[:2, :2], 1)
    np.testing.assert_allclose(picture[:2, 4:6], [[0.5, 0], [0.75, 0.5]])
    np.testing.assert_allclose(picture[4:6, :2], 0.5)  # no weights at all: mid-grey


def test_what_has_no_filters_is_refused(results: Held, tiny: Study) -> None:
    with pytest.raises(InputError, match="the study tiny has no autoencoder"):
        filters(Held(xr.DataTree(), tiny))
    with pytest.raises(InputError, match="conv2-10 has no fully connected layer on the image"):
        filters(results, model="conv2-10")
    with pytest.raises(InputError, match="the weights of fc10 cannot be used"):
        filters(results, model="fc10")


def test_weights_of_another_network_are_refused(results: Held) -> None:
    save_weights(results.place, layout.weights("ae9-10", 0), {"layers.1.weight": torch.zeros(4, 784)}, {})
    with pytest.raises(InputError, match="are not those of ae9-10"):
        filters(results)
