"""Networks from their description, and the weights that training begins with."""

from itertools import combinations

import pytest
import torch

from blindspots.networks.build import build_network, initialise, layers_of_weights, network_for
from blindspots.study.built_in import MNIST
from blindspots.study.model_spec import GivenSpec, ModelSpec

SMALL = ModelSpec(name="small", hidden=(4, 3), decay=(0, 0, 0))
WIDE = ModelSpec(name="c", network="convolutional", channels=(40, 60), hidden=(5,), decay=(0, 0, 0, 0))


def test_the_papers_networks_have_the_papers_sizes() -> None:
    sizes = {}
    for spec in MNIST.models:
        network = build_network(spec, shape=(1, 28, 28), classes=10)
        sizes[spec.paper] = [tuple(layer.weight.shape) for layer in layers_of_weights(network)]
    assert sizes["FC10(1)"] == [(10, 784)]
    assert sizes["FC100-100-10"] == [(100, 784), (100, 100), (10, 100)]
    assert sizes["AE400-10"] == [(400, 784), (10, 400)]
    assert sizes["FC123-456-10 on P1"] == [(123, 784), (456, 123), (10, 456)]
    assert sizes["FC200-200-10"] == [(200, 784), (200, 200), (10, 200)]


def test_building_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    initialise(build_network(SMALL, shape=(6,), classes=2), seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_the_seed_decides_the_initial_weights() -> None:
    def weights(seed: int, **changes: object) -> list[torch.Tensor]:
        spec = SMALL.model_copy(update=changes)
        network = build_network(spec, shape=(6,), classes=2)
        initialise(network, seed=seed, initial=spec.initial)
        return list(network.state_dict().values())

    assert all(torch.equal(one, other) for one, other in zip(weights(3), weights(3, name="x"), strict=True))
    assert not torch.equal(weights(3)[0], weights(4)[0])
    drawn = [network[0] for network in (weights(3), weights(3, initial=1), weights(4, initial=1), weights(4))]
    assert all(not torch.equal(one, other) for one, other in combinations(drawn, 2))
    assert all(not bias.any() for bias in weights(3)[1::2])


def test_initial_weights_have_the_variance_of_their_inputs() -> None:
    network = build_network(ModelSpec(name="wide", hidden=(400,), decay=(0, 0)), shape=(1, 28, 28), classes=10)
    initialise(network, seed=1)
    first, second = (layer.weight.detach() for layer in network.linears)
    assert float(first.std()) == pytest.approx(784**-0.5, rel=0.01)
    assert float(second.std()) == pytest.approx(400**-0.5, rel=0.05)
    assert abs(float(first.mean())) < 4 * 784**-0.5 / first.numel() ** 0.5


def test_golden_initial_weights() -> None:
    """Other initial weights make every model another one: they may only change with the training's ALGORITHM."""
    network = build_network(SMALL, shape=(6,), classes=2)
    initialise(network, seed=0)
    found = [float(layer.weight.detach()[0, 0]) for layer in network.linears]
    assert found == pytest.approx(GOLDEN, rel=1e-6)


GOLDEN = [0.5909900069236755, -0.18705028295516968, 1.301749587059021]


def test_initial_weights_have_twice_the_variance_before_rectification() -> None:
    network = build_network(WIDE, shape=(1, 28, 28), classes=10)
    initialise(network, seed=2)
    second = network.layers[2].weight.detach()
    assert float(second.var()) == pytest.approx(2 / (40 * 25), rel=0.02)
    assert not network.layers[2].bias.any()


def test_a_network_that_is_described_is_built() -> None:
    given = ModelSpec(name="a", hidden=(3,), given=GivenSpec(weights="a.pth"))
    network = network_for(given, shape=(2, 2, 2), classes=4)
    assert [tuple(weight.shape) for weight in network.parameters()] == [(3, 8), (3,), (4, 3), (4,)]
    named = ModelSpec(name="b", given=GivenSpec(weights="a.pth", network="alexnet"))
    with pytest.raises(ValueError, match="b names its network and describes none"):
        build_network(named, shape=(2, 2, 2), classes=4)
