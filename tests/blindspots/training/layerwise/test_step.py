"""Tiles with a halo do what the whole does."""

import pytest
import torch

from blindspots.study.quocnet_size import MINI, SIZES
from blindspots.training.layerwise.descent import State, initial_state, weights_of
from blindspots.training.layerwise.objective import Losses
from blindspots.training.layerwise.step import steps_in_memory, whole_losses
from blindspots.training.layerwise.tile import Tile, tiles_of

SHAPE = SIZES[MINI].shapes[0]
TOLERANCE = 1e-5
"""By how much weights of unit size may differ after some steps; they are float32, summed in another order."""


def trained(
    grid: tuple[int, int], coding: str, replicas: int = 1
) -> tuple[torch.Tensor, list[Losses], list[State], tuple[Tile, ...]]:
    tiles = tiles_of(SHAPE, *grid)
    states = [initial_state(tile, coding=coding, seed=0, stage=1) for tile in tiles]
    batches = torch.randn(5, 10, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    found = list(steps_in_memory(states, batches, tiles, replicas=replicas, rate=0.01, sparsity=0.1))
    filters = torch.full(SHAPE.filters, torch.nan)
    for tile, state in zip(tiles, states, strict=True):
        filters[tile.places] = state["filters"]
    return filters, found, states, tiles


@pytest.mark.parametrize("coding", ["tied", "unit-norm"])
def test_tiles_with_halo_equal_the_whole(coding: str) -> None:
    whole, expected, _, _ = trained((1, 1), coding)
    assert expected[-1].total < 0.9 * expected[0].total
    for grid in ((2, 1), (3, 1), (1, 2), (3, 3)):
        filters, found, _, _ = trained(grid, coding)
        torch.testing.assert_close(filters, whole, rtol=0, atol=TOLERANCE)
        for one, other in zip(found, expected, strict=True):
            assert (one.reconstruction, one.penalty) == pytest.approx((other.reconstruction, other.penalty), rel=1e-6)


@pytest.mark.parametrize("coding", ["tied", "unit-norm"])
def test_replicas_equal_the_whole(coding: str) -> None:
    """Of ten inputs three replicas have three, three and four."""
    whole, expected, _, _ = trained((1, 1), coding)
    for grid, replicas in (((1, 1), 3), ((2, 2), 3), ((1, 1), 10)):
        filters, found, _, _ = trained(grid, coding, replicas)
        torch.testing.assert_close(filters, whole, rtol=0, atol=TOLERANCE)
        for one, other in zip(found, expected, strict=True):
            assert (one.reconstruction, one.penalty) == pytest.approx((other.reconstruction, other.penalty), rel=1e-6)


@pytest.mark.parametrize("grid", [(1, 1), (3, 2)])
def test_the_objective_of_whole_inputs(grid: tuple[int, int]) -> None:
    """What a step says of its inputs before it is taken is what is said of them tile by tile."""
    _, _, states, tiles = trained(grid, "tied")
    inputs = torch.randn(7, 1, 24, 24)
    before = whole_losses((weights_of(state) for state in states), inputs, tiles, sparsity=0.1)
    (found,) = steps_in_memory(states, [inputs], tiles, first=5, rate=0.01, sparsity=0.1)
    assert (found.reconstruction, found.penalty) == pytest.approx((before.reconstruction, before.penalty), rel=1e-6)
    after = whole_losses((weights_of(state) for state in states), inputs, tiles, sparsity=0.1)
    assert after.total < before.total
