"""Tiles: the places of a stage, shared out in rectangles, with what each sees of the image and what it gives back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from blindspots.study.quocnet_size import StageShape

Region = tuple[slice, slice]
"""Rows and columns of an image or of a map."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of places of a stage: who has it owns their weights and what the optimiser remembers of them.

    Its fields reach into its neighbours', and so do the windows of pooling: what lies there is a sum of several tiles.
    """

    number: int
    shape: StageShape
    places: Region
    last: tuple[bool, bool]
    """Whether no tile follows below, and to the right."""

    @property
    def filters(self) -> tuple[int, int, int, int]:
        """Shape of the tile's filters."""
        rows, columns = map(_length, self.places)
        return rows, columns, self.shape.maps, self.shape.values

    @property
    def pixels(self) -> Region:
        """What the tile's fields see, in the stage's input: with a halo of what neighbours see too."""
        shape = self.shape
        return _both(self.places, lambda at: slice(at.start * shape.stride, (at.stop - 1) * shape.stride + shape.field))

    @property
    def windows(self) -> Region:
        """The windows of pooling that hold one of the tile's places, where every place is in as many windows.

        They are numbered from the one that holds the first place alone.
        """
        return _both(self.places, lambda at: slice(at.start, at.stop + self.shape.pool - 1))

    @property
    def own_pixels(self) -> Region:
        """Those of the pixels that count as this tile's, so that each is one tile's."""
        return self._own(self.pixels, self.shape.stride)

    @property
    def own_windows(self) -> Region:
        """Those of the windows that count as this tile's."""
        return self._own(self.windows, 1)

    def _own(self, region: Region, stride: int) -> Region:
        rows, columns = (
            slice(at.start, at.stop if last else places.stop * stride)
            for at, places, last in zip(region, self.places, self.last, strict=True)
        )
        return rows, columns


def tiles_of(shape: StageShape, rows: int = 1, columns: int = 1) -> tuple[Tile, ...]:
    """Return the places of a stage in ``rows`` times ``columns`` tiles, as even as they can be, row by row.

    Raises ``ValueError`` where there are more tiles than places.
    """
    down, across = (_cuts(count, parts) for count, parts in zip(shape.places, (rows, columns), strict=True))
    return tuple(
        Tile(row * columns + column, shape, (down[row], across[column]), (row + 1 == rows, column + 1 == columns))
        for row in range(rows)
        for column in range(columns)
    )


def within(region: Region, outer: Region) -> Region:
    """Return where ``region`` lies in an array that begins where ``outer`` does."""
    rows, columns = (slice(at.start - of.start, at.stop - of.start) for at, of in zip(region, outer, strict=True))
    return rows, columns


def common(one: Region, other: Region) -> Region | None:
    """Return what two regions have in common, or None."""
    rows, columns = (slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def gathered(
    tile: Tile,
    tiles: Sequence[Tile],
    region: Callable[[Tile], Region],
    part: Callable[[Tile, Region], torch.Tensor],
) -> torch.Tensor:
    """Return the sum of what all tiles give in a tile's ``region``: its own part and what its neighbours' reach into.

    ``part``: returns the values (n, maps, rows, columns) of a tile in a part of its own region, which is counted from
    that region's corner. Tiles are added in their order, so that all who need a value get the same bits.
    """
    wanted, total = region(tile), None
    for other in tiles:
        shared = common(wanted, region(other))
        if shared is None:
            continue
        values = part(other, within(shared, region(other)))
        if total is None:
            total = values.new_zeros(*values.shape[:2], *map(_length, wanted))
        rows, columns = within(shared, wanted)
        total[:, :, rows, columns] += values
    assert total is not None  # a tile shares all of its region with itself
    return total


def _cuts(count: int, parts: int) -> list[slice]:
    if not 1 <= parts <= count:
        raise ValueError(f"{parts} rows or columns of tiles for {count} of places: as many at most, and 1 at least")
    edges = [count * part // parts for part in range(parts + 1)]
    return [slice(begin, end) for begin, end in pairwise(edges)]


def _both(region: Region, change: Callable[[slice], slice]) -> Region:
    rows, columns = map(change, region)
    return rows, columns


def _length(at: slice) -> int:
    return int(at.stop - at.start)
