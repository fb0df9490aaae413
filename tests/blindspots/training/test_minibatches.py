import math

import pytest
import torch
from torch import nn

from blindspots.study.model_spec import ModelSpec
from blindspots.study.training_spec import AdamSpec, TrainingSpec
from blindspots.training.lbfgs import DivergedError
from blindspots.training.minibatches import epochs
from blindspots.training.phases import MINIBATCHES, train
from tests.blindspots.training.conftest import Problem

ADAM = AdamSpec(epochs=4, batch=20, rate=0.02)
CONVOLUTIONAL = ModelSpec(name="c", network="convolutional", channels=(4,), hidden=(5,), decay=(1e-3, 0, 1e-4))


def untrained() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 3))


def trained(problem: Problem, **changes: object) -> tuple[nn.Module, list]:
    network = untrained()
    settings = {"decay": (0.0, 0.0), "adam": ADAM, "count": 4, "seed": 0} | changes
    return network, list(epochs(network, *problem, **settings))


def test_it_learns(problem: Problem) -> None:
    network, found = trained(problem, count=60)
    assert [epoch.number for epoch in found] == list(range(1, 61))
    assert found[-1].loss < found[0].loss / 2
    error = float((network(problem[0]).argmax(1) != problem[1]).float().mean())
    assert error < 0.2
    assert found[-1].error == pytest.approx(error, abs=0.05)
    assert found[-1].steps == 60 * math.ceil(len(problem[0]) / 20)


def test_it_goes_on_from_any_epoch_to_the_last_bit(problem: Problem) -> None:
    whole, _ = trained(problem)
    network = untrained()
    for done in range(4):
        steps = epochs(
            network,
            *problem,
            decay=(0, 0),
            adam=ADAM,
            count=4,
            seed=0,
            done=done,
            memory=None if done == 0 else kept,  # noqa: F821 - of the epoch before
        )
        kept = next(steps).memory  # noqa: F841
    for one, other in zip(whole.parameters(), network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_seed_decides_the_order(problem: Problem) -> None:
    (one, _), (same, _), (other, _) = (trained(problem, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one[1].weight, same[1].weight)
    assert not torch.equal(one[1].weight, other[1].weight)


def test_decay_pulls_weights_and_spares_biases(problem: Problem) -> None:
    (free, _), (held, found) = trained(problem, count=300), trained(problem, count=300, decay=(1.0, 1.0))
    assert float(held[3].weight.detach().norm()) < 0.05 * float(free[3].weight.detach().norm())
    counts = torch.bincount(problem[1], minlength=3).double()
    shares = (counts / counts.sum()).log()
    bias = held[3].bias.detach().double()
    torch.testing.assert_close(bias - bias.mean(), shares - shares.mean(), rtol=0, atol=0.15)
    assert found[-1].loss == pytest.approx(float(-(shares.exp() * shares).sum()), rel=0.1)


def test_a_loss_that_is_not_finite_is_an_error(problem: Problem) -> None:
    with pytest.raises(DivergedError, match=r"the loss is (nan|inf) in epoch 1 of Adam at the rate 1\.0"):
        trained((problem[0] * 3e38, problem[1]), adam=AdamSpec(epochs=1, batch=20, rate=1.0))


def test_a_convolutional_network_is_trained_in_epochs_and_goes_on_from_each(problem: Problem) -> None:
    training = TrainingSpec(adam=ADAM)
    whole = list(train(CONVOLUTIONAL, training, *problem, seed=0, classes=3))
    assert [(each.iterations, each.reason, each.phase) for each in whole] == [
        (1, "", MINIBATCHES),
        (2, "", MINIBATCHES),
        (3, "", MINIBATCHES),
        (4, "epochs", MINIBATCHES),
    ]
    rest = list(train(CONVOLUTIONAL, training, *problem, seed=0, classes=3, checkpoint=whole[1]))
    assert [each.iterations for each in rest] == [3, 4]
    for name, tensor in whole[-1].weights.items():
        assert torch.equal(rest[-1].weights[name], tensor)
    assert whole[-1].curve["loss"].tolist() == rest[-1].curve["loss"].tolist()
