"""Pools that are kept from round to round: whose turn it is, and what a checkpoint takes over."""

import torch

from blindspots.training.hardening.keeping import KeptPools
from blindspots.training.hardening.refreshing import OwnRefresher, Source, Weights
from tests.blindspots.training.conftest import Problem
from tests.blindspots.training.hardening.test_mixture import POOLS, network_of


def kept_of(problem: Problem, **change: object) -> KeptPools:
    source = Source(POOLS.model_copy(update=change), *problem, classes=3, seed=0)
    return KeptPools(source, OwnRefresher(source, network_of()), network_of(), 6)


def test_nothing_is_shown_before_the_second_round_and_then_in_turns(problem: Problem) -> None:
    kept, network = kept_of(problem, turns="alternating"), network_of()
    kept.begin(0, network)
    assert kept.turn(0) == []
    kept.begin(1, network)
    assert [kept.turn(number) for number in (1, 2, 3)] == [[1], [0], [1]]
    assert kept.ages(3) == {0: 2.0, 1: 2.0}
    assert all(len(slots) == int(kept.pools[layer].success.sum()) for layer, slots in kept.shown.items())


def test_what_is_restored_goes_on_as_what_was_kept(problem: Problem) -> None:
    kept, again = kept_of(problem), kept_of(problem)
    for number in (0, 1):
        kept.begin(number, network_of(number))
    memory = {name: tensor.clone() for name, tensor in kept.memory().items()}
    again.restore(memory, 2)
    for each in (kept, again):
        each.begin(2, network_of(2))
    for layer, pool in kept.pools.items():
        for name, tensor in pool.tensors().items():
            assert torch.equal(tensor, again.pools[layer].tensors()[name]), name
        assert (pool.round == 2).sum() == 12


def test_a_round_is_made_from_the_weights_at_the_beginning_of_the_one_before(problem: Problem) -> None:
    told = dict[int, torch.Tensor]()

    class Recording(OwnRefresher):
        def begin(self, number: int, weights: Weights) -> None:
            told[number] = weights["layers.1.weight"].clone()
            super().begin(number, weights)

    for delay in (1, 0):
        source = Source(POOLS.model_copy(update={"delay": delay}), *problem, classes=3, seed=0)
        kept = KeptPools(source, Recording(source, network_of()), network_of(), 4)
        told.clear()
        networks = [network_of(number) for number in range(4)]
        for number, network in enumerate(networks):
            kept.begin(number, network)
        assert sorted(told) == [1, 2, 3]
        for number, weight in told.items():
            assert torch.equal(weight, networks[number - delay].linears[0].weight)
