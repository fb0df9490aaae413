"""What a fully connected network is made of."""

import pytest
from torch import nn

from blindspots.models.layers import layers, sole_linear


def test_a_network_of_known_layers() -> None:
    last = nn.Linear(3, 2)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Sigmoid(), nn.Dropout(), last)
    found = layers(model)
    assert found is not None
    assert [type(layer) for layer in found] == [nn.Linear, nn.Sigmoid, nn.Linear]
    assert sole_linear(model) is None
    assert sole_linear(nn.Sequential(nn.Flatten(), last)) is last
    assert sole_linear(last) is last


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Linear(4, 3), nn.Softplus(), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(4, 3), nn.ReLU()),  # logits come from a linear layer
        nn.Sequential(nn.Flatten(2), nn.Linear(4, 3)),
        nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(4, 3)),
        nn.Sequential(),
    ],
)
def test_anything_else_is_unknown(model: nn.Module) -> None:
    assert layers(model) is None
    assert sole_linear(model) is None
