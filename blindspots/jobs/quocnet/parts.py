"""What a worker does of a QuocNet's stage: steps of one tile, or the objective of some pictures held out.

Every part reads all that it needs from the store, and what it leaves there does not change what it read: so a part that
was lost with its worker is done again, to the last bit.
"""

from collections.abc import Iterator, Mapping

import torch

from blindspots.identity import arrays_hash
from blindspots.jobs.quocnet.work import StageWork
from blindspots.store import layout
from blindspots.store.weights import load_weights
from blindspots.training.layerwise.descent import State, initial_state, weights_of
from blindspots.training.layerwise.inputs import batch_rows
from blindspots.training.layerwise.objective import DECODER, ENCODER, Forward, Losses, forward
from blindspots.training.layerwise.replicas import parts_of
from blindspots.training.layerwise.step import Standing, take_step, whole_losses
from blindspots.training.layerwise.tile import Region, Tile

Steps = tuple[int, int, int]
"""A tile, the step before which it is, and the one before which it is to be."""
_ALL = slice(None)


def begin(work: StageWork, number: int) -> None:
    """Store a tile before the first step: its first weights, and what they make of the first inputs."""
    tile = work.tiles[number]
    spec, device = work.spec, work.workspace.device
    drawn = initial_state(tile, coding=spec.coding, seed=work.workspace.study.seed, stage=work.stage)
    state = {name: tensor.to(device) for name, tensor in drawn.items()}
    if spec.replicas == 1:
        _leave(work, tile, 0, state, forward_of(work, tile, state, 0))
        return
    work.save_state(0, number, state)
    for part, name in zip(parts_of(spec.batch_rows, spec.replicas), work.made_names(), strict=True):
        work.save_made(0, number, forward_of(work, tile, state, 0, part), name)


def advance(work: StageWork, steps: Steps) -> list[Losses]:
    """Take a tile from one step to another, and return its part of the objective before each.

    A tile among several goes one step at a time, since it reads what its neighbours made of the same inputs.
    """
    number, first, last = steps
    tiles = work.tiles
    tile = tiles[number]
    state = work.state(first, number, state_names(work))
    made = work.made(first, number) if len(tiles) > 1 else forward_of(work, tile, state, first)
    found = []
    for step in range(first, last):

        def part(name: str, other: Tile, region: Region, step: int = step, own: Forward = made) -> torch.Tensor:
            if other.number != number:
                return work.part_made(step, other.number, name, region)
            values: torch.Tensor = getattr(own, name)
            return values[:, :, region[0], region[1]]

        losses = take_step(
            Standing(state, made),
            inputs_of(work, tile, step),
            tiles,
            tile,
            decoded=lambda other, region, part=part: part("decoded", other, region),  # type: ignore[misc]
            energy=lambda other, region, part=part: part("energy", other, region),  # type: ignore[misc]
            step=step,
            rate=work.spec.rate,
            sparsity=work.spec.sparsity,
        )
        found.append(losses)
        made = forward_of(work, tile, state, step + 1)
    _leave(work, tile, last, state, made)
    return found


def held_out(work: StageWork, part: tuple[int, int]) -> tuple[Losses, float, int]:
    """Return the objective of a block of inputs held out, before a step, with their squares' sum and their number.

    ``part``: the block and the step. The objective and the sum are per input.
    """
    block, step = part
    inputs = work.block(block).to(work.workspace.device)
    weights = (work.state(step, tile.number, weight_names(work)) for tile in work.tiles)
    losses = whole_losses(weights, inputs, work.tiles, sparsity=work.spec.sparsity)
    return losses, float(inputs.double().square().sum()) / len(inputs), len(inputs)


def keep(work: StageWork, part: tuple[int, int]) -> tuple[torch.Tensor, str]:
    """Store the weights of a tile as they are before a step, for good.

    ``part``: the tile and the step. Returns their norms (rows, columns, maps), and the hash of what was to be stored.
    """
    number, step = part
    weights = work.state(step, number, weight_names(work))
    work.keep(layout.quocnet_tile(work.stage, number), weights, {"stage": str(work.stage), "tile": str(number)})
    norms: torch.Tensor = weights[ENCODER].norm(dim=-1).cpu()
    return norms, _hash(weights)


def tile_hash(work: StageWork, number: int) -> str:
    """Return the hash of a tile's weights as they are stored."""
    return _hash(load_weights(work.workspace.place, layout.quocnet_tile(work.stage, number)))


def _hash(weights: Mapping[str, torch.Tensor]) -> str:
    return arrays_hash({name: tensor.cpu().numpy() for name, tensor in weights.items()})


def weight_names(work: StageWork) -> tuple[str, ...]:
    """Return the names of a tile's weights."""
    return (ENCODER,) if work.spec.coding == "tied" else (ENCODER, DECODER)


def state_names(work: StageWork) -> Iterator[str]:
    """Return the names of all that a tile's state has."""
    for name in weight_names(work):
        yield from (name, f"{name}:mean", f"{name}:square")


@torch.no_grad()
def forward_of(work: StageWork, tile: Tile, state: State, step: int, part: slice = _ALL) -> Forward:
    """Return what a tile makes of a step's inputs, or of a part of them."""
    return forward(weights_of(state), inputs_of(work, tile, step, part), tile)


def inputs_of(work: StageWork, tile: Tile, step: int, part: slice = _ALL) -> torch.Tensor:
    """Return what a tile sees of a step's inputs, or of a part of them: (n, channels, height, width)."""
    spec = work.spec
    rows = spec.images * spec.squares
    found = batch_rows(rows, spec.batch, seed=work.workspace.study.seed, stage=work.stage, step=step)
    return work.inputs(tile, found[part])


def _leave(work: StageWork, tile: Tile, step: int, state: State, made: Forward) -> None:
    work.save_state(step, tile.number, state)
    if len(work.tiles) > 1:
        work.save_made(step, tile.number, made)
