"""Trainings with pools: when they are plain ones, what they train, how they go on, and who makes the pools."""

from collections.abc import Mapping

import pytest
import torch
from torch.nn.functional import cross_entropy

from blindspots.networks.build import build_network, initialise
from blindspots.networks.fully_connected import FullyConnected
from blindspots.study.model_spec import ModelSpec
from blindspots.study.pools_spec import HardeningSpec, PoolsSpec
from blindspots.study.training_spec import AdamSpec, TrainingSpec
from blindspots.training.checkpoint import Checkpoint
from blindspots.training.hardening.keeping import KeptPools
from blindspots.training.hardening.mixture import Hardening, Mixture
from blindspots.training.hardening.parts import above
from blindspots.training.hardening.perturbing import Perturbed
from blindspots.training.hardening.refreshing import OwnRefresher, Source, Weights
from blindspots.training.hardening.schedule import Rounds
from blindspots.training.phases import Step, train
from tests.blindspots.training.conftest import Problem

TRAINING = TrainingSpec(adam=AdamSpec(epochs=3, batch=20, rate=0.02))
POOLS = PoolsSpec(layers=(0, 1), size=30, share=0.4, rounds=2, reach=0.3)


def spec(pools: PoolsSpec | None = None, **hardening: object) -> ModelSpec:
    harder = HardeningSpec.model_validate(hardening) if hardening or pools is None else None
    return ModelSpec(name="a", hidden=(7, 6), decay=(1e-4, 1e-4, 1e-5), pools=pools, hardening=harder)


def weights(model: ModelSpec, problem: Problem, **changes: object) -> dict[str, torch.Tensor]:
    *_, last = train(model, TRAINING, *problem, seed=0, classes=3, **changes)
    assert last.reason == "epochs"
    return last.weights


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.fixture(scope="module")
def usual(problem: Problem) -> dict[str, torch.Tensor]:
    """The weights of a training with the pools that all others here differ from."""
    return weights(spec(POOLS), problem)


@pytest.mark.parametrize("idle", [{"weight": 0.0}, {"reach": 0.0}])
def test_pools_that_change_nothing_are_plain_training(
    problem: Problem, usual: dict[str, torch.Tensor], idle: dict[str, float]
) -> None:
    plain = weights(spec(), problem)
    assert same(plain, weights(spec(POOLS.model_copy(update=idle)), problem))
    assert not same(plain, usual)


@pytest.mark.parametrize(
    "change",
    [
        {"delay": 0},
        {"direction": "random"},
        {"direction": "gradient"},
        {"direction": "linear"},
        {"reach_form": "share"},
        {"trains": "above"},
        {"trains": "above", "stored": "activation"},
        {"turns": "alternating"},
        {"layers": (2,)},
        {"share": 1.0},
        {"rounds": 3},
    ],
)
def test_every_choice_matters(problem: Problem, usual: dict[str, torch.Tensor], change: dict[str, object]) -> None:
    assert not same(weights(spec(POOLS.model_copy(update=change)), problem), usual)


def test_the_same_is_the_same_again(problem: Problem, usual: dict[str, torch.Tensor]) -> None:
    assert same(weights(spec(POOLS), problem), usual)


@pytest.mark.parametrize("delay", [0, 1])
def test_it_goes_on_from_any_epoch_to_the_last_bit(problem: Problem, delay: int) -> None:
    model = spec(POOLS.model_copy(update={"delay": delay}))
    whole = list(train(model, TRAINING, *problem, seed=0, classes=3))
    for at in whole[:-1]:
        kept = Checkpoint(at.weights, at.curve, at.phase, at.reason, {k: v.clone() for k, v in at.memory.items()})
        *_, last = train(model, TRAINING, *problem, seed=0, classes=3, checkpoint=kept)
        assert same(whole[-1].weights, last.weights)
        assert same(whole[-1].memory, last.memory)


class Eager(OwnRefresher):
    """Makes everything at once when it is told the weights, as quick workers would."""

    def __init__(self, source: Source, network: FullyConnected) -> None:
        super().__init__(source, network)
        self.made: dict[int, Mapping[int, Perturbed]] = {}
        self.said: list[tuple[str, int]] = []

    def begin(self, number: int, weights: Weights) -> None:
        super().begin(number, weights)
        self.said.append(("begin", number))
        self.made[number] = super().take(number)

    def take(self, number: int) -> Mapping[int, Perturbed]:
        self.said.append(("take", number))
        return self.made.pop(number)


def network_of(seed: int = 0) -> FullyConnected:
    network = build_network(spec(), shape=(1, 3, 4), classes=3)
    assert isinstance(network, FullyConnected)
    initialise(network, seed=seed)
    return network


def test_quick_makers_change_nothing_and_each_round_is_begun_one_round_before(
    problem: Problem, usual: dict[str, torch.Tensor]
) -> None:
    eager = Eager(Source(POOLS, *problem, classes=3, seed=0), network_of())
    assert same(usual, weights(spec(POOLS), problem, refresher=eager))
    between = [(what, at + ahead) for at in range(1, 5) for what, ahead in (("take", 0), ("begin", 1))]
    assert eager.said == [("begin", 1), *between, ("take", 5)]


def filled(pools: PoolsSpec, problem: Problem) -> tuple[Mixture, FullyConnected]:
    """A mixture in its second round, whose pools are filled in part."""
    network, source = network_of(), Source(pools, *problem, classes=3, seed=0)
    kept = KeptPools(source, OwnRefresher(source, network_of()), network, 6)
    found = Mixture(Hardening(None, seed=0), kept, Rounds(4, 2, 3))
    for step in (0, 2):
        found(network, *problem, step=step)
    return found, network


def gradients(mixture: Mixture, network: FullyConnected, problem: Problem) -> list[torch.Tensor]:
    network.zero_grad()
    loss, _ = mixture(network, *problem, step=3)
    torch.autograd.backward(loss)
    return [layer.weight.grad.clone() for layer in network.linears]


@pytest.mark.parametrize("layer", [1, 2])
def test_a_pool_leaves_the_layers_up_to_its_own_alone(problem: Problem, layer: int) -> None:
    pools = POOLS.model_copy(update={"layers": (layer,), "trains": "above"})
    mixed = gradients(*filled(pools, problem), problem)
    network = network_of()
    torch.autograd.backward(cross_entropy(network(problem[0]), problem[1]) * (1 - pools.weight))
    for place, (found, linear) in enumerate(zip(mixed, network.linears, strict=True)):
        assert torch.allclose(found, linear.weight.grad, rtol=1e-5, atol=1e-9) == (place < layer)
    through = gradients(*filled(pools.model_copy(update={"trains": "all"}), problem), problem)
    assert not torch.allclose(through[0], mixed[0], rtol=1e-3)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_what_is_shown_of_a_pool_lies_in_the_box_whatever_the_weights_are_by_then(problem: Problem, layer: int) -> None:
    mixture, network = filled(POOLS.model_copy(update={"layers": (layer,)}), problem)
    pool, seen = mixture.kept.pools[layer], list[torch.Tensor]()
    pool.values.copy_(torch.linspace(-2, 2, pool.values.numel()).view_as(pool.values))
    hook = above(network, layer)[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    mixture(network, *problem, step=3)
    hook.remove()
    shown = seen[-1]
    assert shown.shape == (len(problem[0]), pool.values.shape[1])
    assert (float(shown.min()), float(shown.max())) == (0, 1)


def test_alternating_pools_take_turns(problem: Problem) -> None:
    mixture, network = filled(POOLS.model_copy(update={"turns": "alternating", "trains": "above"}), problem)
    asked = list[int]()
    plain = mixture._loss
    mixture._loss = lambda network, layer, *rest: asked.append(layer) or plain(network, layer, *rest)  # type: ignore[method-assign]
    for step in (3, 4, 6, 8):
        mixture(network, *problem, step=step)
    assert asked == [1, 0, 1, 0]


def test_progress_tells_the_pools_ages(problem: Problem) -> None:
    said = list[Step]()
    weights(spec(POOLS), problem, on_step=said.append)
    assert [set(step.ages) for step in said] == [{0, 1}] * 3
    assert said[0].ages[0] == 0  # filled once, in the round under way
    assert 0 < said[2].ages[0] < 4
