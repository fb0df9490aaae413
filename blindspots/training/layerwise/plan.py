"""What a worker that trains a tile needs of memory."""

from dataclasses import dataclass
from math import prod

from blindspots.device import BUDGET
from blindspots.training.layerwise.tile import Region, Tile

_BYTES = 4
_STATES = 3  # the weights, and Adam's mean and mean square of their gradients


@dataclass(frozen=True)
class TileMemory:
    """Bytes that a tile takes, in float32."""

    state: int
    """Weights and what the optimiser remembers of them: what lies in the store between two steps."""
    step: int
    """What a step holds besides: the gradient, or later the copy of one of the state's arrays that is written; among
    replicas the sum of their gradients, and the one that is added to it."""
    images: int
    """Inputs, pictures, codes and windows of a minibatch."""
    fields: int
    """Fields of as many rows of places as are worked on at once: all of them would be many times the images."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.state + self.step + self.images + self.fields


def tile_memory(tile: Tile, batch: int, *, decoder: bool = False, replicas: int = 1) -> TileMemory:
    """Return what a tile's worker holds for minibatches of ``batch``; ``decoder``: with filters of its own.

    ``replicas``: workers among which each minibatch is shared out.
    """
    weights = prod(tile.filters) * (2 if decoder else 1) * _BYTES
    batch = -(-batch // replicas)
    shape = tile.shape
    images = batch * _BYTES * (3 * shape.channels * _area(tile.pixels) + 2 * shape.maps * _area(tile.windows))
    row = tile.filters[1] * batch * shape.values
    fields = 2 * max(row, min(BUDGET // 2, row * tile.filters[0])) * _BYTES
    return TileMemory(_STATES * weights, weights * min(replicas, 2), images, fields)


def _area(region: Region) -> int:
    return prod(at.stop - at.start for at in region)
