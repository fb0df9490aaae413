"""How near images come to activations: exactly known where each unit reads one value of its own."""

import pytest
import torch
from torch import nn

from blindspots.networks.fully_connected import FullyConnected
from blindspots.training.hardening.parts import below
from blindspots.training.hardening.preimage import preimages

NO_SLACK = torch.zeros(40, dtype=torch.float64)


def own_values(steepness: float = 3.0) -> nn.Module:
    """A layer of five units, each the sigmoid of one of five values: its image of the box is a box."""
    network = FullyConnected((5, 5, 2)).double()
    with torch.no_grad():
        network.linears[0].weight.copy_(steepness * torch.eye(5))
        network.linears[0].bias.fill_(-1)
    return below(network, 1).requires_grad_(False)


def test_the_distance_to_a_box_is_exact() -> None:
    random = torch.Generator().manual_seed(0)
    wanted, images = (torch.rand(40, 5, generator=random, dtype=torch.float64) for _ in range(2))
    layer = own_values()
    low, high = (layer(torch.full((1, 5), end, dtype=torch.float64))[0, 0] for end in (0.0, 1.0))
    found = preimages(layer, wanted, images, [torch.full_like(images, 0.5)], slack=NO_SLACK)
    exact = (wanted - wanted.clamp(low, high)).norm(dim=1)
    assert 10 < int((exact > 0.1).sum()) <= 40
    torch.testing.assert_close(found.distance, exact, atol=1e-5, rtol=0)
    assert 0 <= float(found.nearest.min()) <= float(found.nearest.max()) <= 1


@pytest.mark.parametrize("slack", [0.02, 0.2])
def test_the_least_change_is_that_of_the_inverse_up_to_the_slack(slack: float) -> None:
    random = torch.Generator().manual_seed(1)
    target, images = (torch.rand(40, 5, generator=random, dtype=torch.float64) for _ in range(2))
    layer = own_values()
    wanted = layer(target)
    enough = slack * (wanted - layer(images)).norm(dim=1)
    found = preimages(layer, wanted, images, [], slack=enough)
    assert bool(((layer(found.changed) - wanted).norm(dim=1) <= enough + found.distance).all())
    torch.testing.assert_close(found.change, (found.changed - images).norm(dim=1))
    ratio = found.change / (target - images).norm(dim=1)
    assert float(ratio.max()) <= 1 + 1e-6
    assert float(ratio.min()) > 1 - 4 * slack  # the sigmoid's slopes differ threefold at most
    assert float(ratio.mean()) < 1 - slack / 4


def test_activations_of_an_image_are_reached_and_need_no_change_from_it() -> None:
    torch.manual_seed(0)
    network = FullyConnected((12, 7, 6, 3)).double().requires_grad_(False)
    images = torch.rand(40, 12, dtype=torch.float64)
    for layer in (1, 2):
        inner = below(network, layer)
        wanted = inner(images)
        found = preimages(inner, wanted, images, [], slack=NO_SLACK)
        assert not found.change.any()
        away = preimages(inner, wanted, images.flip(0), [], slack=NO_SLACK + 1e-3)
        assert float(away.distance.median()) < 0.1 * float((inner(images.flip(0)) - wanted).norm(dim=1).median())


def test_another_start_can_only_help() -> None:
    torch.manual_seed(1)
    network = FullyConnected((12, 7, 6, 3)).double().requires_grad_(False)
    images, wanted = torch.rand(40, 12, dtype=torch.float64), torch.rand(40, 6, dtype=torch.float64)
    few = preimages(below(network, 2), wanted, images, [], slack=NO_SLACK)
    more = preimages(below(network, 2), wanted, images, [1 - images], slack=NO_SLACK)
    assert bool((more.distance <= few.distance + 1e-9).all())
    assert bool((few.distance < (below(network, 2)(images) - wanted).norm(dim=1)).all())
