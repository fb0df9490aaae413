"""What counts as a model: modules as they are, functions, exported programs; and what is no model at all."""

from contextlib import nullcontext
from functools import partial

import pytest
import torch
from torch import nn

from blindspots import InputError, minimum_distortion
from blindspots.models.unknown.called import as_module

IMAGES = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))


def test_a_function_becomes_a_module_and_a_module_stays_itself() -> None:
    layer = nn.Linear(5, 2)
    assert as_module(layer) is layer
    assert torch.equal(as_module(lambda images: 2 * images)(IMAGES), 2 * IMAGES)


@pytest.mark.parametrize(
    ("model", "message"), [("resnet", "the model is a str; give"), (nn.ReLU, r"class ReLU itself; .* ReLU\(\.\.\.\)")]
)
def test_what_cannot_be_called_with_images_is_named(model: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_module(model)


class Counting(nn.Module):
    """A network that counts in its buffers, in place and anew."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, images):
        self.calls += 1
        self.seen = self.seen + len(images)
        return self.net(images)


class Keeping(nn.Module):
    """A network that torch does not know as a part of it."""

    def __init__(self, net):
        super().__init__()
        self.nets = [net]

    def forward(self, images):
        return self.nets[0](images)


class Breaking:
    """Fails at the third call."""

    def __init__(self, net):
        self.net, self.calls = net, 0

    def __call__(self, images):
        self.calls += 1
        if self.calls > 2:
            self.net(images)
            raise KeyError("the third")
        return self.net(images)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda net: net,
        lambda net: lambda images: net(images),
        lambda net: net.forward,
        lambda net: partial(torch.nn.Module.__call__, net),
        Keeping,
        Breaking,
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_network_is_left_as_it_was_however_it_is_handed_over(wrapped) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = Counting().train()
    net.net[0].eval().requires_grad_(False)
    calls = net.calls
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes = [(module.training, [each.requires_grad for each in module.parameters()]) for module in net.modules()]
    with pytest.raises((InputError, KeyError)) if wrapped is Breaking else nullcontext():
        minimum_distortion(wrapped(net), IMAGES, torch.zeros(3, dtype=torch.int64), effort="fast")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.calls is calls
    assert modes == [
        (module.training, [each.requires_grad for each in module.parameters()]) for module in net.modules()
    ]
    assert all(each.grad is None for each in net.parameters())
