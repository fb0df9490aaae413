"""A model out of a store: its network with the weights that lie there, or what is wrong with them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from blindspots.datasets.in_memory import ArrayDataset
from blindspots.errors import InputError
from blindspots.models.stored import stored_model
from blindspots.networks.build import build_network, initialise
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError
from blindspots.store.place import Place
from blindspots.store.weights import save_weights
from blindspots.study import Study, validate_study

IMAGES = np.zeros((4, 2, 3, 3), np.uint8)
DATASET = ArrayDataset("mine", ("a", "b", "c"), "0" * 64, {"test": np.arange(4) % 3}, {"test": IMAGES})


@pytest.fixture
def study() -> Study:
    named = {"name": "named", "given": {"weights": "w.pth", "network": "nowhere.nets:make"}}
    return validate_study({"name": "mine", "models": [{"name": "fc4", "hidden": [4], "decay": [0, 0]}, named]})


def test_a_model_has_the_stores_weights_for_the_data_sets_images(study: Study, tmp_path: Path) -> None:
    network = build_network(study.model("fc4"), shape=(2, 3, 3), classes=3)
    initialise(network, seed=1)
    save_weights(Place.at(tmp_path), layout.weights("fc4", 1), network.state_dict(), {})
    model = stored_model(Place.at(tmp_path), study, DATASET, "fc4", 1)
    images = torch.rand(5, 2, 3, 3)
    assert torch.equal(model(images), network(images))
    assert not model.training
    with pytest.raises(CorruptShardError, match="seed-0"):
        stored_model(Place.at(tmp_path), study, DATASET, "fc4")


def test_weights_of_another_network_are_refused(study: Study, tmp_path: Path) -> None:
    save_weights(Place.at(tmp_path), layout.weights("fc4", 0), {"layers.1.weight": torch.zeros(4, 18)}, {})
    with pytest.raises(InputError, match="are not those of fc4"):
        stored_model(Place.at(tmp_path), study, DATASET, "fc4")


def test_a_network_of_ones_own_is_made_where_its_package_is_allowed(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allow it with: --networks nowhere"):
        stored_model(Place.at(tmp_path), study, DATASET, "named")
    with pytest.raises(InputError, match="cannot be made: ModuleNotFoundError"):
        stored_model(Place.at(tmp_path), study, DATASET, "named", networks=("nowhere",))
