import pytest
import torch
from torch import nn

from blindspots.networks.fully_connected import FullyConnected


def test_a_network_is_layers_of_weights_with_sigmoids_between() -> None:
    network = FullyConnected((6, 4, 3))
    images = torch.rand(5, 1, 2, 3)
    first, second = network.linears
    expected = second(torch.sigmoid(first(images.reshape(5, 6))))
    torch.testing.assert_close(network(images), expected, rtol=0, atol=0)


def test_softmax_regression_has_one_layer() -> None:
    network = FullyConnected((6, 3))
    assert [type(layer) for layer in network.layers] == [nn.Flatten, nn.Linear]


@pytest.mark.parametrize("sizes", [(5,), (), (5, 0, 3)])
def test_sizes_that_make_no_network_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least inputs and classes"):
        FullyConnected(sizes)
