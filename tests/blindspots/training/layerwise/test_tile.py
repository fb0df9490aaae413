"""Tiles: every place is one tile's, every pixel and window counts once, and sums over tiles are sums."""

from collections import Counter

import pytest
import torch

from blindspots.study.quocnet_size import QuocNetSize
from blindspots.training.layerwise.tile import common, gathered, tiles_of, within

SHAPE = QuocNetSize(height=20, channels=2, fields=(6,), strides=(2,), maps=3, pool=3).shapes[0]
GRIDS = [(1, 1), (2, 1), (3, 1), (1, 3), (3, 2), (8, 8)]


@pytest.mark.parametrize("grid", GRIDS)
def test_places_pixels_and_windows_are_shared_out(grid: tuple[int, int]) -> None:
    tiles = tiles_of(SHAPE, *grid)
    assert [tile.number for tile in tiles] == list(range(grid[0] * grid[1]))
    for name, count in (("places", 8), ("own_pixels", 20), ("own_windows", 10)):
        seen = Counter(
            (row, column)
            for tile in tiles
            for row in range(getattr(tile, name)[0].start, getattr(tile, name)[0].stop)
            for column in range(getattr(tile, name)[1].start, getattr(tile, name)[1].stop)
        )
        assert seen == Counter((row, column) for row in range(count) for column in range(count)), name


def test_what_a_tile_sees() -> None:
    tile = tiles_of(SHAPE, 2, 1)[1]
    assert tile.places == (slice(4, 8), slice(0, 8))
    assert tile.pixels == (slice(8, 20), slice(0, 20))
    assert tile.windows == (slice(4, 10), slice(0, 10))
    assert tile.filters == (4, 8, 3, 72)


def test_more_tiles_than_places_are_refused() -> None:
    with pytest.raises(ValueError, match="9 rows or columns of tiles for 8 of places"):
        tiles_of(SHAPE, 9, 1)


@pytest.mark.parametrize("grid", GRIDS)
def test_what_is_gathered_is_the_sum_of_all_that_reach_there(grid: tuple[int, int]) -> None:
    tiles = tiles_of(SHAPE, *grid)
    parts = [torch.randn(2, 2, *(at.stop - at.start for at in tile.pixels)) for tile in tiles]
    whole = torch.zeros(2, 2, 20, 20)
    for tile, part in zip(tiles, parts, strict=True):
        whole[:, :, tile.pixels[0], tile.pixels[1]] += part
    for tile in tiles:
        found = gathered(
            tile, tiles, lambda each: each.pixels, lambda other, at: parts[other.number][:, :, at[0], at[1]]
        )
        assert torch.equal(found, whole[:, :, tile.pixels[0], tile.pixels[1]])  # the same order, the same bits


def test_regions() -> None:
    assert common((slice(0, 4), slice(2, 6)), (slice(3, 9), slice(0, 3))) == (slice(3, 4), slice(2, 3))
    assert common((slice(0, 4), slice(2, 6)), (slice(4, 9), slice(0, 3))) is None
    assert within((slice(3, 4), slice(2, 3)), (slice(3, 9), slice(0, 3))) == (slice(0, 1), slice(2, 3))
