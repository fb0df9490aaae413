"""The memory that a tile's worker is said to need, against what it holds."""

import pytest
import torch

from blindspots.study.quocnet_size import SIZES
from blindspots.training.layerwise.descent import initial_state, weights_of
from blindspots.training.layerwise.objective import forward
from blindspots.training.layerwise.plan import tile_memory
from blindspots.training.layerwise.tile import tiles_of


def test_state_and_images_are_those_that_there_are() -> None:
    for coding in ("tied", "unit-norm"):
        tile = tiles_of(SIZES["quocnet-64"].shapes[0], 4, 4)[5]
        state = initial_state(tile, coding=coding, seed=0, stage=1)
        inputs = torch.randn(6, 3, *(at.stop - at.start for at in tile.pixels))
        made = forward(weights_of(state), inputs, tile)
        plan = tile_memory(tile, 6, decoder=coding == "unit-norm")
        assert plan.state == sum(tensor.nbytes for tensor in state.values())
        assert plan.step == sum(tensor.nbytes for tensor in weights_of(state).values())
        held = 3 * inputs.nbytes + 2 * made.energy.nbytes  # inputs, picture, residual; energy and its slopes
        assert plan.images == held


def test_replicas_hold_a_part_of_the_images_and_two_gradients() -> None:
    tile = tiles_of(SIZES["quocnet-64"].shapes[0], 4, 4)[5]
    one, three = (tile_memory(tile, 10, replicas=replicas) for replicas in (1, 3))
    assert (three.state, three.step) == (one.state, 2 * one.step)
    assert three.images == pytest.approx(0.4 * one.images)


def test_a_worker_of_sixteen_trains_a_stage_of_2011_in_a_few_hundred_megabytes() -> None:
    for shape, most in zip(SIZES["quocnet-2011"].shapes, (0.45e9, 0.75e9, 0.6e9), strict=True):
        plans = [tile_memory(tile, 10).total for tile in tiles_of(shape, 4, 4)]
        assert max(plans) < most
        assert max(plans) < 1.2 * min(plans)
