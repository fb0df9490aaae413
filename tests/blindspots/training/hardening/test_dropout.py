"""Dropped values: so many, scaled so that the mean stays, the same for a step; and the limit of a unit's weights."""

import pytest
import torch

from blindspots.study.pools_spec import HardeningSpec
from blindspots.training.hardening.dropout import dropped, limit
from blindspots.training.hardening.mixture import Hardening
from tests.fixed import fixed_images, fixed_network

IMAGES, LABELS = fixed_images(30)
NETWORK = fixed_network()


def test_the_mean_over_steps_is_what_a_linear_network_gives_without() -> None:
    found = torch.stack([dropped(NETWORK, IMAGES, (0.4,), seed=0, step=step) for step in range(3000)])
    spread = found.std(dim=0) / 3000**0.5
    off = (found.mean(dim=0) - NETWORK(IMAGES)).abs() / spread
    assert float(off.max()) < 5
    assert float(spread.min()) > 0


def test_a_share_of_a_layers_values_is_dropped() -> None:
    network, seen = fixed_network(400), list[torch.Tensor]()
    network.linears[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    dropped(network, IMAGES, (0, 0.25), seed=0, step=0)
    assert float((seen[0] == 0).double().mean()) == pytest.approx(0.25, abs=0.02)


def test_seed_and_step_decide() -> None:
    one, again, later, other = (
        dropped(NETWORK, IMAGES, (0.5,), seed=seed, step=step) for seed, step in ((0, 1), (0, 1), (0, 2), (1, 1))
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, later)
    assert not torch.equal(one, other)


def test_without_shares_it_is_the_network() -> None:
    assert torch.allclose(dropped(NETWORK, IMAGES, (0,), seed=0, step=0), NETWORK(IMAGES))


def test_weights_into_a_unit_are_no_longer_than_the_limit() -> None:
    network = fixed_network(12, 9)
    before = [layer.weight.clone() for layer in network.linears]
    most = float(before[0].norm(dim=1).median())
    Hardening(HardeningSpec(max_norm=most), seed=0).after(network)
    norms = network.linears[0].weight.norm(dim=1)
    assert float(norms.max()) <= most * (1 + 1e-6)
    short = before[0].norm(dim=1) <= most
    assert torch.equal(network.linears[0].weight[short], before[0][short])
    assert torch.equal(network.linears[2].weight, before[2])  # of the classes
    limit(network.linears, 1e-3)
    assert float(network.linears[2].weight.norm(dim=1).max()) <= 1.001e-3
