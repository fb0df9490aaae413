"""What a worker does of one replica of a tile: the gradient of its part of a minibatch, and then the step of all.

Replicas meet in the store twice a step. Each leaves the gradient of its own inputs; then each adds all of them, in the
same order, takes the same step, and leaves what it makes of its part of the next inputs: so they stay the same to the
last bit, and the first one's state is that of all. As everywhere here, nothing that a part leaves changes what it read.
"""

import torch

from blindspots.jobs.quocnet.parts import forward_of, inputs_of, state_names, weight_names
from blindspots.jobs.quocnet.work import StageWork
from blindspots.store import layout
from blindspots.store.weights import load_checked
from blindspots.training.layerwise.descent import update
from blindspots.training.layerwise.objective import Losses
from blindspots.training.layerwise.replicas import Slopes, parts_of, shares_of, summed
from blindspots.training.layerwise.step import Standing, slopes_of
from blindspots.training.layerwise.tile import Region, Tile

Replica = tuple[int, int, int]
"""A tile, which of its replicas, and the step before which it is."""


def leave_slopes(work: StageWork, replica: Replica) -> Losses:
    """Store the gradient of a replica's part of a minibatch, and return the tile's objective of that part."""
    number, which, step = replica
    tiles, name = work.tiles, work.made_names()[which]
    tile = tiles[number]
    own = work.made(step, number, name)

    def part(what: str, other: Tile, region: Region) -> torch.Tensor:
        if other.number != number:
            return work.part_made(step, other.number, what, region, name)
        values: torch.Tensor = getattr(own, what)
        return values[:, :, region[0], region[1]]

    slopes, losses = slopes_of(
        Standing(work.state(step, number, weight_names(work)), own),
        inputs_of(work, tile, step, _part(work, which)),
        tiles,
        tile,
        decoded=lambda other, region: part("decoded", other, region),
        energy=lambda other, region: part("energy", other, region),
        sparsity=work.spec.sparsity,
    )
    work.save(_slopes_key(work, replica), slopes)
    return losses


def step_together(work: StageWork, replica: Replica) -> None:
    """Take the step that all replicas of a tile take, and store what this one makes of its part of the next inputs."""
    number, which, step = replica
    tile, spec = work.tiles[number], work.spec
    state = work.state(step, number, state_names(work))
    parts = parts_of(spec.batch_rows, spec.replicas)
    found = (_slopes(work, (number, other, step)) for other in range(spec.replicas))
    update(state, summed(found, shares_of(parts)), step=step, rate=spec.rate)
    if which == 0:
        work.save_state(step + 1, number, state)
    work.save_made(step + 1, number, forward_of(work, tile, state, step + 1, parts[which]), work.made_names()[which])


def _part(work: StageWork, which: int) -> slice:
    return parts_of(work.spec.batch_rows, work.spec.replicas)[which]


def _slopes(work: StageWork, replica: Replica) -> Slopes:
    found, _ = load_checked(work.workspace.place, _slopes_key(work, replica))
    return {name: found[name].to(work.workspace.device) for name in weight_names(work)}


def _slopes_key(work: StageWork, replica: Replica) -> str:
    number, which, step = replica
    return layout.quocnet_state(work.stage, step, number, f"slopes-{which}")
