"""Networks without weights in particular."""

import pytest
import torch

from blindspots.models.skeleton import model_skeleton
from blindspots.networks.build import network_for
from blindspots.study.model_spec import ModelSpec


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
