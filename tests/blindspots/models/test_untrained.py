"""Networks before training: the weights that training begins with, or torch's own draws by a seed."""

import pytest
import torch

from blindspots.models.untrained import model_skeleton, untrained_known, untrained_model
from blindspots.networks.build import build_network, initialise, network_for
from blindspots.networks.known import NETWORKS
from blindspots.study.model_spec import GivenSpec, ModelSpec


def test_a_described_network_has_the_weights_that_training_begins_with() -> None:
    spec = ModelSpec(name="small", hidden=(6,), decay=(0, 0), initial=2)
    begun = build_network(spec, shape=(1, 3, 3), classes=4)
    initialise(begun, seed=5, initial=2)
    found = untrained_model(spec, shape=(1, 3, 3), classes=4, seed=5)
    assert all(torch.equal(value, begun.state_dict()[name]) for name, value in found.state_dict().items())
    assert not found.training


def test_a_named_network_is_drawn_by_the_seed_and_leaves_torchs_own_alone() -> None:
    spec = ModelSpec(name="alex", network="given", given=GivenSpec(weights="none.pth", network="alexnet"))
    state = torch.random.get_rng_state()
    first, again, other = (untrained_model(spec, shape=(3, 64, 64), classes=3, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    weights = [each.get_parameter("features.0.weight") for each in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_known_network_may_lack_its_head() -> None:
    found = untrained_known(NETWORKS["alexnet"], None)
    assert not any(name.startswith("classifier") for name in found.state_dict())
    assert torch.equal(
        found.get_parameter("features.3.weight"),
        untrained_known(NETWORKS["alexnet"], None).get_parameter("features.3.weight"),
    )


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec(name="conv", network="convolutional", channels=(2,), hidden=(7,), decay=(0, 0, 0)),
        ModelSpec.model_validate({"name": "lite", "given": {"weights": "a.pth", "network": "efficientnet-lite0"}}),
    ],
)
def test_it_has_the_names_and_shapes_of_the_network_and_draws_nothing(spec: ModelSpec) -> None:
    shape = (1, 28, 28) if spec.given is None else (3, 32, 32)
    state = torch.random.get_rng_state()
    found = model_skeleton(spec, shape=shape, classes=5)
    assert torch.equal(torch.random.get_rng_state(), state)
    network = network_for(spec, shape=shape, classes=5)
    assert {name: part.shape for name, part in found.state_dict().items()} == {
        name: part.shape for name, part in network.state_dict().items()
    }
    assert not found.training
    assert found(torch.zeros(2, *shape)).shape == (2, 5)
