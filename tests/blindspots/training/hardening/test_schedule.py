"""What a round replaces depends on seed, layer and round alone, and is so many slots; where rounds begin."""

import numpy as np
import pytest

from blindspots.training.hardening.schedule import Rounds, drawn, group_of

SIZES = {"size": 50, "replaced": 20, "images": 70, "classes": 10}


def test_exactly_so_many_slots_each_once_and_examples_that_are_there() -> None:
    for number in range(20):
        group = group_of(0, 1, number, **SIZES)
        assert len(set(group.slots.tolist())) == len(group.examples) == 20
        assert len(set(group.examples.tolist())) == 20
        assert 0 <= group.slots.min() <= group.slots.max() < 50
        assert 0 <= group.examples.min() <= group.examples.max() < 70
        assert 1 <= group.turns.min() <= group.turns.max() <= 9


def test_more_slots_than_images_show_some_of_them_twice() -> None:
    assert group_of(0, 0, 1, size=50, replaced=40, images=7, classes=10).examples.max() < 7


@pytest.mark.parametrize("other", [(1, 1, 3), (0, 2, 3), (0, 1, 4)])
def test_seed_layer_and_round_decide(other: tuple[int, int, int]) -> None:
    here, again, there = (group_of(*which, **SIZES) for which in ((0, 1, 3), (0, 1, 3), other))
    for name in ("slots", "examples", "turns"):
        assert np.array_equal(getattr(here, name), getattr(again, name))
        assert not np.array_equal(getattr(here, name), getattr(there, name))


def test_what_is_shown_is_filled() -> None:
    shown = drawn(0, 1, 5, filled=3, count=100)
    assert set(shown.tolist()) == {0, 1, 2}
    assert not np.array_equal(shown, drawn(0, 1, 6, filled=3, count=100))
    assert not np.array_equal(shown, drawn(0, 2, 5, filled=3, count=100))


@pytest.mark.parametrize(("batches", "an_epoch", "begins"), [(6, 2, [0, 3]), (5, 2, [0, 3]), (5, 4, [0, 2, 4])])
def test_rounds_are_of_equal_length_but_the_last_of_an_epoch(batches: int, an_epoch: int, begins: list[int]) -> None:
    rounds = Rounds(batches, an_epoch, 3)
    assert rounds.total == 3 * len(begins)
    begun = {step: rounds.begun_by(step) for step in range(3 * batches)}
    first = [epoch * batches + step for epoch in range(3) for step in begins]
    assert [step for step, number in begun.items() if number is not None] == first
    assert [begun[step] for step in first] == list(range(rounds.total))
    assert [rounds.of(step) for step in begun] == [sum(begin <= step for begin in first) - 1 for step in begun]
