import pytest
import torch
from torch import nn

from blindspots.networks.build import build_network, initialise
from blindspots.networks.convolutional import Convolutional
from blindspots.study.model_spec import ModelSpec

SPEC = ModelSpec(name="c", network="convolutional", channels=(3, 4), hidden=(5,), decay=(0, 0, 0, 0))


@pytest.mark.parametrize("side", [7, 8, 28])
def test_it_is_what_torch_makes_of_the_same_weights(side: int) -> None:
    network = build_network(SPEC, shape=(2, side, side), classes=6)
    initialise(network, seed=0)
    images = torch.rand(9, 2, side, side, generator=torch.Generator().manual_seed(0))
    weights = list(network.state_dict().values())
    hidden = images
    for weight, bias in zip(weights[:4:2], weights[1:4:2], strict=True):
        hidden = nn.functional.conv2d(hidden, weight, bias, stride=2, padding=2).relu()
    hidden = (hidden.flatten(1) @ weights[4].T + weights[5]).relu()
    torch.testing.assert_close(network(images), hidden @ weights[6].T + weights[7])
    assert network(images).shape == (9, 6)


def test_it_has_as_many_logits_before_any_rectification() -> None:
    network = Convolutional((1, 28, 28), (2,), (), 10)
    assert not isinstance(network.layers[-1], nn.ReLU)
    assert (network(torch.rand(50, 1, 28, 28)) < 0).any()


@pytest.mark.parametrize(("shape", "channels"), [((784,), (3,)), ((1, 28, 28), ())])
def test_what_makes_no_network_is_refused(shape: tuple[int, ...], channels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(channels, height, width\) and some are wanted"):
        Convolutional(shape, channels, (), 10)
