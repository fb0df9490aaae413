"""The loss of images and pools in a round, held against autograd in float64 on the network as it is written down."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from blindspots.networks.fully_connected import FullyConnected
from blindspots.study.pools_spec import PoolsSpec
from blindspots.training.hardening import full_batch
from blindspots.training.hardening.full_batch import MixedObjective, shown_of
from blindspots.training.hardening.keeping import KeptPools
from blindspots.training.hardening.parts import above, below
from blindspots.training.hardening.refreshing import OwnRefresher, Source
from blindspots.training.objective import Objective, to_vector
from tests.blindspots.training.conftest import Problem
from tests.blindspots.training.hardening.test_mixture import POOLS, network_of

WEIGHT, DECAY = 0.3, (1e-2, 2e-2, 3e-2)


def kept_of(pools: PoolsSpec, problem: Problem) -> tuple[KeptPools, FullyConnected]:
    """Pools in their second round, of slots that lead out of the box too."""
    network, source = network_of(), Source(pools, *problem, classes=3, seed=0)
    kept = KeptPools(source, OwnRefresher(source, network_of()), network, 3)
    for number in (0, 1):
        kept.begin(number, network)
    for pool in kept.pools.values():
        pool.values.mul_(8)
    return kept, network


def written_down(
    network: FullyConnected, then: FullyConnected, kept: KeptPools, layer: int, problem: Problem
) -> torch.Tensor:
    """The mean cross-entropy of what a pool shows; ``then``: the network at the round's beginning."""
    spec, pool = kept.source.spec, kept.pools[layer]
    slots = pool.success.nonzero()[:, 0]
    values, images = pool.values[slots].double(), problem[0][pool.example[slots]].double()
    if spec.stored == "delta":
        own = below(network, layer)(images) if spec.trains == "all" else below(then, layer)(images).detach()
        values = (own + values).clamp(0, 1)
    return cross_entropy(above(network, layer)(values), problem[1][pool.example[slots]])


@pytest.mark.parametrize("rows", [3, 2000])
@pytest.mark.parametrize(
    "change",
    [
        {"layers": (0, 1, 2)},
        {"layers": (1, 2), "trains": "above"},
        {"layers": (2,), "trains": "above", "stored": "activation"},
    ],
)
def test_loss_and_gradient_are_autograds(
    problem: Problem, change: dict[str, object], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full_batch, "_ROWS", rows)
    kept, network = kept_of(POOLS.model_copy(update=change), problem)
    shown = [shown_of(kept, network, layer) for layer in kept.turn(1)]
    assert all(len(each.labels) > 3 for each in shown)
    shapes = [(layer.out_features, layer.in_features) for layer in network.linears]
    images = Objective(network, *problem, decay=DECAY)
    mixed = MixedObjective(images.with_share(1 - WEIGHT), shown, shapes=shapes, weight=WEIGHT)
    then, now = copy.deepcopy(network).double(), network_of(1).double()
    value = mixed(to_vector(now).float())
    losses = [written_down(now, then, kept, layer, problem) for layer in kept.turn(1)]
    loss = (1 - WEIGHT) * cross_entropy(now(problem[0].double()), problem[1])
    loss = loss + WEIGHT * torch.stack(losses).mean()
    for factor, layer in zip(DECAY, now.linears, strict=True):
        loss = loss + factor / 2 * layer.weight.square().sum()
    torch.autograd.backward(loss)
    gradient = torch.cat([part.grad.reshape(-1) for layer in now.linears for part in (layer.weight, layer.bias)])
    assert value.loss == pytest.approx(float(loss.detach()), rel=1e-6)
    torch.testing.assert_close(value.gradient.double(), gradient, rtol=1e-4, atol=1e-7)
    assert value.errors == int((now(problem[0].double()).argmax(1) != problem[1]).sum())


@pytest.mark.parametrize("layer", [1, 2])
def test_a_pool_leaves_the_layers_up_to_its_own_alone(problem: Problem, layer: int) -> None:
    kept, network = kept_of(POOLS.model_copy(update={"layers": (layer,), "trains": "above"}), problem)
    shapes = [(each.out_features, each.in_features) for each in network.linears]
    _, gradient = shown_of(kept, network, layer).loss(to_vector(network), shapes)
    under = sum(outputs * inputs + outputs for outputs, inputs in shapes[:layer])
    assert not gradient[:under].any()
    assert gradient[under:].count_nonzero() > 10
