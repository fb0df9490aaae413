"""Networks before training: the weights that training begins with, or torch's own draws by a seed."""

import torch

from blindspots.models.untrained import untrained_known, untrained_model
from blindspots.networks.build import build_network, initialise
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
