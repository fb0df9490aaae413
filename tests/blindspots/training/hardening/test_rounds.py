"""L-BFGS with pools in rounds: when it is the plain one, how it goes on, and that each round is one round behind."""

import pytest
import torch

from blindspots.study.model_spec import ModelSpec
from blindspots.study.pools_spec import LbfgsRounds, PoolsSpec
from blindspots.study.training_spec import TrainingSpec
from blindspots.training.checkpoint import Checkpoint
from blindspots.training.hardening.refreshing import Source
from blindspots.training.phases import FULL_BATCH, Step, longest, train
from tests.blindspots.training.conftest import Problem
from tests.blindspots.training.hardening.test_mixture import Eager, network_of, same

TRAINING = TrainingSpec(iterations=6, tolerance=1e-9)
POOLS = PoolsSpec(layers=(0, 1), size=30, share=0.4, reach=0.3, lbfgs=LbfgsRounds(rounds=4, iterations=3))


def spec(pools: PoolsSpec | None) -> ModelSpec:
    return ModelSpec(name="a", hidden=(7, 6), decay=(1e-4, 1e-4, 1e-5), pools=pools)


def weights(pools: PoolsSpec | None, problem: Problem, **changes: object) -> dict[str, torch.Tensor]:
    *_, last = train(spec(pools), TRAINING, *problem, seed=0, classes=3, **changes)
    assert last.reason == "iterations"
    return last.weights


@pytest.fixture(scope="module")
def usual(problem: Problem) -> dict[str, torch.Tensor]:
    """The weights of a training with the pools that all others here differ from."""
    return weights(POOLS, problem)


@pytest.mark.parametrize("idle", [{"weight": 0.0}, {"reach": 0.0}])
def test_pools_that_change_nothing_are_plain_training(problem: Problem, idle: dict[str, float]) -> None:
    assert same(weights(None, problem), weights(POOLS.model_copy(update=idle), problem))


@pytest.mark.parametrize(
    "change",
    [
        {"delay": 0},
        {"direction": "gradient"},
        {"reach_form": "share"},
        {"trains": "above"},
        {"weight": 1.0},
        {"turns": "alternating"},
        {"lbfgs": LbfgsRounds(rounds=4, iterations=2)},
        {"lbfgs": LbfgsRounds(rounds=3, iterations=4)},
    ],
)
def test_every_choice_matters(problem: Problem, usual: dict[str, torch.Tensor], change: dict[str, object]) -> None:
    assert not same(weights(POOLS.model_copy(update=change), problem), usual)


@pytest.mark.parametrize("delay", [0, 1])
def test_it_goes_on_from_any_round_to_the_last_bit(problem: Problem, delay: int) -> None:
    model = spec(POOLS.model_copy(update={"delay": delay}))
    whole = list(train(model, TRAINING, *problem, seed=0, classes=3))
    assert len(whole) == 4
    for at in whole[:-1]:
        kept = Checkpoint(at.weights, at.curve, at.phase, at.reason, {k: v.clone() for k, v in at.memory.items()})
        *_, last = train(model, TRAINING, *problem, seed=0, classes=3, checkpoint=kept)
        assert same(whole[-1].weights, last.weights)
        assert same(whole[-1].memory, last.memory)
        assert all((whole[-1].curve[name] == last.curve[name]).all() for name in last.curve)


def test_quick_makers_change_nothing_and_each_round_is_begun_one_round_before(
    problem: Problem, usual: dict[str, torch.Tensor]
) -> None:
    eager = Eager(Source(POOLS, *problem, classes=3, seed=0), network_of())
    assert same(usual, weights(POOLS, problem, refresher=eager))
    between = [(what, at + ahead) for at in (1, 2) for what, ahead in (("take", 0), ("begin", 1))]
    assert eager.said == [("begin", 1), *between, ("take", 3)]


def test_the_first_round_is_plain_and_each_lowers_its_own_loss(problem: Problem) -> None:
    said = list[Step]()
    weights(POOLS, problem, on_step=said.append)
    plain = list[Step]()
    weights(None, problem, on_step=plain.append)
    assert [step.loss for step in said[:4]] == [step.loss for step in plain[:4]]
    assert [step.iteration for step in said] == list(range(13))
    assert {step.phase for step in said} == {FULL_BATCH}
    for first in (1, 4, 7, 10):
        losses = [step.loss for step in said[first : first + 3]]
        assert losses == sorted(losses, reverse=True)
    evaluations = [step.evaluations for step in said]
    assert evaluations == sorted(set(evaluations))
    assert [set(step.ages) for step in said[4:]] == [{0, 1}] * 9
    assert longest(spec(POOLS), TRAINING) == 12
