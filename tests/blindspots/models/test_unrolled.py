"""Which layers a model runs through, where that can be read off it."""

import pytest
import torch
from torch import nn

from blindspots.models.unrolled import unrolled
from blindspots.networks.convolutional import Convolutional
from blindspots.networks.fully_connected import FullyConnected


def kinds(model: nn.Module) -> list[str] | None:
    found = unrolled(model)
    return None if found is None else [type(layer).__name__ for layer in found]


def test_nested_sequences_run_in_order_without_what_does_nothing() -> None:
    inner = nn.Sequential(nn.Dropout(), nn.Linear(4, 3), nn.Identity())
    assert kinds(nn.Sequential(nn.Flatten(), inner, nn.Tanh())) == ["Flatten", "Linear", "Tanh"]
    assert kinds(nn.Dropout2d()) == []
    assert kinds(nn.ReLU()) == ["ReLU"]


@pytest.mark.parametrize(
    "model", [FullyConnected((12, 5, 3)), Convolutional((1, 28, 28), (2, 3), (6,), 3)], ids=["linear", "convolutional"]
)
def test_the_packages_own_networks_are_seen_through(model: nn.Module) -> None:
    found = unrolled(model)
    assert found is not None
    values = torch.rand(2, 1, 28, 28) if isinstance(model, Convolutional) else torch.rand(2, 12)
    expected = model.eval()(values)
    for layer in found:
        values = layer(values)
    torch.testing.assert_close(values, expected)


def test_what_may_compute_something_else_is_unknown() -> None:
    class Mine(nn.Sequential):
        """A subclass may have a forward pass of its own: it is a layer, which no rule knows."""

    hooked = nn.Sequential(nn.Linear(3, 2))
    hooked[0].register_forward_hook(lambda module, values, result: 2 * result)
    assert unrolled(hooked) is None
    patched = nn.Linear(3, 2)
    patched.forward = lambda values: values  # type: ignore[method-assign]
    assert unrolled(nn.Sequential(nn.ReLU(), patched)) is None
    mine = Mine(nn.Linear(3, 2))
    assert unrolled(mine) == [mine]
