"""One step of the training of a tile, and of a whole stage in memory: tiles side by side, or one that is all of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from blindspots.training.layerwise.descent import State, update, weights_of
from blindspots.training.layerwise.objective import Forward, Losses, Weights, forward, gradients, losses
from blindspots.training.layerwise.replicas import Slopes, averaged, parts_of, shares_of, summed
from blindspots.training.layerwise.tile import Region, Tile, gathered, tiles_of

Part = Callable[[Tile, Region], torch.Tensor]
"""A part of what a tile gives back, by the tile and a region counted from its own corner."""


@dataclass(frozen=True)
class Standing:
    """Where a tile stands before a step: its weights, and what they made of the inputs of that step."""

    state: State
    made: Forward


@torch.no_grad()
def standing(state: State, inputs: torch.Tensor, tile: Tile) -> Standing:
    """Return where a tile stands whose step begins with ``inputs`` (n, channels, height, width) of its pixels."""
    return Standing(state, forward(weights_of(state), inputs, tile))


@torch.no_grad()
def slopes_of(
    before: Standing,
    inputs: torch.Tensor,
    tiles: Sequence[Tile],
    tile: Tile,
    *,
    decoded: Part,
    energy: Part,
    sparsity: float,
) -> tuple[Slopes, Losses]:
    """Return the gradient of the objective with respect to a tile's weights, and the tile's part of the objective.

    ``decoded`` and ``energy`` give what any tile made of the same inputs.
    """
    residual = gathered(tile, tiles, lambda each: each.pixels, decoded) - inputs
    total = gathered(tile, tiles, lambda each: each.windows, energy)
    weights = weights_of(before.state)
    slopes = gradients(
        weights, inputs, before.made.codes, residual=residual, energy=total, tile=tile, sparsity=sparsity
    )
    return slopes, losses(residual, total, tile, sparsity=sparsity)


def take_step(
    before: Standing,
    inputs: torch.Tensor,
    tiles: Sequence[Tile],
    tile: Tile,
    *,
    decoded: Part,
    energy: Part,
    step: int,
    rate: float,
    sparsity: float,
) -> Losses:
    """Change a tile's state by a step, and return its part of the objective before that; see :func:`slopes_of`."""
    slopes, found = slopes_of(before, inputs, tiles, tile, decoded=decoded, energy=energy, sparsity=sparsity)
    update(before.state, slopes, step=step, rate=rate)
    return found


def steps_in_memory(
    states: Sequence[State],
    batches: Iterable[torch.Tensor],
    tiles: Sequence[Tile],
    *,
    replicas: int = 1,
    first: int = 0,
    rate: float,
    sparsity: float,
) -> Iterator[Losses]:
    """Change the tiles' states by a step for each of the ``batches``, and yield the objective before it.

    ``batches``: whole inputs (n, channels, height, width); ``replicas``: parts of each whose gradients are taken by
    themselves and summed; ``first``: the number of the first step. What tiles and their replicas do over files
    elsewhere, in one process: their oracle.
    """
    for step, inputs in enumerate(batches, first):
        parts = parts_of(len(inputs), replicas)
        shares = shares_of(parts)
        cut = [[inputs[part, :, tile.pixels[0], tile.pixels[1]] for tile in tiles] for part in parts]
        made = [
            [standing(state, own, tile).made for state, own, tile in zip(states, of_part, tiles, strict=True)]
            for of_part in cut
        ]
        done = []
        for tile, state in zip(tiles, states, strict=True):
            found: list[Losses] = []
            slopes = summed(_of_parts(state, made, cut, tiles, tile, sparsity, found), shares)
            update(state, slopes, step=step, rate=rate)
            done.append(averaged(found, shares))
        yield total(done)


def _of_parts(
    state: State,
    made: Sequence[Sequence[Forward]],
    cut: Sequence[Sequence[torch.Tensor]],
    tiles: Sequence[Tile],
    tile: Tile,
    sparsity: float,
    found: list[Losses],
) -> Iterator[Slopes]:
    """Yield the gradients of a minibatch's parts for a tile, and add their objectives to ``found``."""
    for own, inputs in zip(made, cut, strict=True):
        slopes, loss = slopes_of(
            Standing(state, own[tile.number]),
            inputs[tile.number],
            tiles,
            tile,
            decoded=lambda other, at, own=own: own[other.number].decoded[:, :, at[0], at[1]],  # type: ignore[misc]
            energy=lambda other, at, own=own: own[other.number].energy[:, :, at[0], at[1]],  # type: ignore[misc]
            sparsity=sparsity,
        )
        found.append(loss)
        yield slopes


def total(parts: Iterable[Losses]) -> Losses:
    """Return the sum of the tiles' parts of the objective, in their order."""
    found = Losses(0.0, 0.0)
    for part in parts:
        found = Losses(found.reconstruction + part.reconstruction, found.penalty + part.penalty)
    return found


@torch.no_grad()
def whole_losses(weights: Iterable[Weights], inputs: torch.Tensor, tiles: Sequence[Tile], *, sparsity: float) -> Losses:
    """Return the objective of whole ``inputs``; the tiles' weights are looked at one after another."""
    (whole,) = tiles_of(tiles[0].shape)
    decoded = torch.zeros_like(inputs)
    energy: torch.Tensor | None = None
    for tile, own in zip(tiles, weights, strict=True):
        made = forward(own, inputs[:, :, tile.pixels[0], tile.pixels[1]], tile)
        decoded[:, :, tile.pixels[0], tile.pixels[1]] += made.decoded
        if energy is None:
            rows, columns = whole.windows
            energy = made.energy.new_zeros(*made.energy.shape[:2], rows.stop, columns.stop)
        energy[:, :, tile.windows[0], tile.windows[1]] += made.energy
    assert energy is not None
    return losses(decoded - inputs, energy, whole, sparsity=sparsity)
