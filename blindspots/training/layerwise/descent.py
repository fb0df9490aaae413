"""Adam over a tile's weights: all of it value by value, so that tiles need to know nothing of each other's."""

from collections.abc import Mapping
from typing import Literal

import torch

from blindspots.randomness import generator
from blindspots.training.layerwise.objective import DECODER, ENCODER
from blindspots.training.layerwise.tile import Tile

Coding = Literal["tied", "unit-norm"]

_MEAN, _SQUARE = "mean", "square"
_FORGET_MEAN, _FORGET_SQUARE, _EPS = 0.1, 0.01, 1e-8

State = dict[str, torch.Tensor]
"""A tile's weights by name, and by ``<name>:mean`` and ``<name>:square`` what Adam remembers of their gradients."""


def weights_of(state: Mapping[str, torch.Tensor]) -> State:
    """Return the weights in a state."""
    return {name: tensor for name, tensor in state.items() if name in (ENCODER, DECODER)}


def initial_state(tile: Tile, *, coding: Coding, seed: int, stage: int) -> State:
    """Return a tile's weights before any step: filters in random directions, the same in whatever tiles.

    They are as long as those of a tight frame would be, but no longer than 1, so that the picture of random codes is as
    large as the input.
    """
    shape = tile.shape
    rows, columns = tile.places
    filters = torch.empty(tile.filters)
    for at, row in enumerate(range(rows.start, rows.stop)):
        drawn = generator(seed, "quocnet", str(stage), index=row).standard_normal(
            (shape.places[1], shape.maps, shape.values), dtype="float32"
        )
        filters[at] = torch.from_numpy(drawn[columns])
    units = shape.places[0] * shape.places[1] * shape.maps
    share = shape.channels * shape.height * shape.width / units
    filters /= filters.norm(dim=-1, keepdim=True)  # in place, since they may be all that fits into memory
    if coding == "tied":
        weights = {ENCODER: filters.mul_(min(1.0, share**0.5))}
    else:
        weights = {ENCODER: filters, DECODER: filters * min(1.0, share)}
    memory = {
        f"{name}:{what}": torch.zeros_like(tensor) for name, tensor in weights.items() for what in (_MEAN, _SQUARE)
    }
    return weights | memory


def update(state: State, gradients: Mapping[str, torch.Tensor], *, step: int, rate: float) -> None:
    """Change a state in place by the step number ``step``, counted from 0, at the rate ``rate``.

    It goes by rows of places, so that nothing as large as the weights is needed for it.
    """
    whole_mean, whole_square = 1 - (1 - _FORGET_MEAN) ** (step + 1), 1 - (1 - _FORGET_SQUARE) ** (step + 1)
    for name, gradient in gradients.items():
        rows = (state[name], state[f"{name}:{_MEAN}"], state[f"{name}:{_SQUARE}"], gradient)
        for weight, mean, square, slope in zip(*rows, strict=True):
            mean.lerp_(slope, _FORGET_MEAN)
            square.lerp_(slope.square(), _FORGET_SQUARE)
            weight.addcdiv_(mean, (square / whole_square).sqrt_().add_(_EPS), value=-rate / whole_mean)
            if name == ENCODER and DECODER in gradients:
                weight /= weight.norm(dim=-1, keepdim=True)
