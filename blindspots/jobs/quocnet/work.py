"""What the training of a QuocNet's stage is of, and where its files lie: plain values that can be sent to a worker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
import torch

from blindspots.device import rows_at_once
from blindspots.errors import InputError
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError
from blindspots.store.weights import load_checked, load_part, save_checked, save_weights
from blindspots.study.quocnet_size import StageShape
from blindspots.study.quocnet_spec import QuocNetSpec
from blindspots.training.layerwise.descent import State
from blindspots.training.layerwise.objective import Forward
from blindspots.training.layerwise.tile import Region, Tile, tiles_of

_PICTURES_A_BLOCK = 25
INPUTS, MADE = "inputs", "made"


@dataclass(frozen=True)
class StageWork:
    """One stage of the study's QuocNet; it is trained in the folder that the layout names for it."""

    workspace: Workspace
    stage: int
    """From 1 on."""
    identity: str
    """The hash of what decides the weights: files of other work are not taken for this one's."""

    @property
    def spec(self) -> QuocNetSpec:
        """The study's part about it."""
        return quocnet_of(self.workspace)

    @property
    def shape(self) -> StageShape:
        """The stage's geometry."""
        return self.spec.shape.shapes[self.stage - 1]

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The stage's places, shared out."""
        return tiles_of(self.shape, *self.spec.tiles)

    @property
    def blocks(self) -> tuple[int, int]:
        """How many files the inputs lie in: of those that are trained on, and after them of those held out."""
        spec = self.spec
        return -(-spec.images // self.pictures_a_block), -(-spec.held_out // self.pictures_a_block)

    @property
    def pictures_a_block(self) -> int:
        """How many pictures' squares lie in one file."""
        size = self.spec.shape
        values = max(prod(size.input_shape), *(shape.channels * shape.height * shape.width for shape in size.shapes))
        return max(1, min(_PICTURES_A_BLOCK, rows_at_once(values) // self.spec.squares))

    def examples(self, block: int) -> np.ndarray:
        """Return the ids of the pictures of a block."""
        spec, (trained, _) = self.spec, self.blocks
        ids = self.workspace.examples(split_of(self.workspace), spec.images + spec.held_out)
        chosen, at = (ids[: spec.images], block) if block < trained else (ids[spec.images :], block - trained)
        return chosen[at * self.pictures_a_block : (at + 1) * self.pictures_a_block]

    def inputs(self, tile: Tile, rows: np.ndarray) -> torch.Tensor:
        """Return what a tile sees of the inputs ``rows``: (n, channels, height, width)."""
        kept = _all_inputs(self, tile.number)
        if kept is not None:
            return kept[torch.from_numpy(rows)].to(self.workspace.device)
        a_block = self.pictures_a_block * self.spec.squares
        found = [self.block(int(row) // a_block, (int(row) % a_block, slice(None), *tile.pixels)) for row in rows]
        return torch.stack(found).to(self.workspace.device)

    def block(self, block: int, part: tuple[int | slice, ...] = (slice(None),)) -> torch.Tensor:
        """Return the inputs of a block, or a part of them."""
        return load_part(self.workspace.place, layout.quocnet_inputs(self.stage, block), INPUTS, part)

    def found(self, key: str) -> tuple[dict[str, torch.Tensor], dict[str, str]] | None:
        """Return tensors and metadata of a file that is gone on from; None where it is not one of this very work.

        Nor where it is not to the last bit what :meth:`save` wrote.
        """
        try:
            tensors, metadata = load_checked(self.workspace.place, key)
        except CorruptShardError:
            return None
        return (tensors, metadata) if metadata.get("identity") == self.identity else None

    def has(self, key: str) -> bool:
        """Tell whether a file is there, of this very work and whole; all of it is read and hashed."""
        return self.found(key) is not None

    def save(self, key: str, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
        """Write a file that is needed only while the stage is trained, whole or not at all."""
        save_checked(self.workspace.place, key, tensors, {"identity": self.identity, **(metadata or {})})

    def keep(self, key: str, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
        """Write a file of what stays, whole or not at all; its receipt has its hash."""
        save_weights(self.workspace.place, key, tensors, {"identity": self.identity, **(metadata or {})})

    def save_state(self, step: int, tile: int, state: Mapping[str, torch.Tensor]) -> None:
        """Write a tile's state before a step, an array a file: one at a time is copied for that."""
        for name, tensor in state.items():
            self.save(layout.quocnet_state(self.stage, step, tile, name), {name: tensor})

    def state(self, step: int, tile: int, names: Iterator[str] | tuple[str, ...]) -> State:
        """Return the arrays ``names`` of a tile's state before a step."""
        found: State = {}
        for name in names:
            found |= self._checked(layout.quocnet_state(self.stage, step, tile, name))
        return {name: tensor.to(self.workspace.device) for name, tensor in found.items()}

    def _checked(self, key: str) -> dict[str, torch.Tensor]:
        return load_checked(self.workspace.place, key)[0]

    def made_names(self) -> tuple[str, ...]:
        """Return the names of what a tile leaves of a step's inputs, a name a replica; none where nobody reads it."""
        if self.spec.replicas > 1:
            return tuple(f"{MADE}-{replica}" for replica in range(self.spec.replicas))
        return (MADE,) if len(self.tiles) > 1 else ()

    def save_made(self, step: int, tile: int, made: Forward, name: str = MADE) -> None:
        """Write what a tile makes of a step's inputs, for its neighbours."""
        tensors = {"codes": made.codes, "decoded": made.decoded, "energy": made.energy}
        self.save(layout.quocnet_state(self.stage, step, tile, name), tensors)

    def made(self, step: int, tile: int, name: str = MADE) -> Forward:
        """Return what a tile made of a step's inputs."""
        found = self._checked(layout.quocnet_state(self.stage, step, tile, name))
        return Forward(**{name: tensor.to(self.workspace.device) for name, tensor in found.items()})

    def part_made(self, step: int, tile: int, name: str, region: Region, of: str = MADE) -> torch.Tensor:
        """Return a part of what a tile made of a step's inputs, counted from its own corner."""
        key = layout.quocnet_state(self.stage, step, tile, of)
        part = load_part(self.workspace.place, key, name, (slice(None), slice(None), *region))
        return part.to(self.workspace.device)


@lru_cache(maxsize=4)
def _all_inputs(work: StageWork, number: int) -> torch.Tensor | None:
    """Return what a tile sees of all inputs that are trained on, read once a process; None where that is too much."""
    pixels = work.tiles[number].pixels
    rows, columns = (at.stop - at.start for at in pixels)
    spec = work.spec
    if rows_at_once(work.shape.channels * rows * columns) < spec.images * spec.squares:
        return None
    trained, _ = work.blocks
    return torch.cat([work.block(block, (slice(None), slice(None), *pixels)) for block in range(trained)])


def quocnet_of(workspace: Workspace) -> QuocNetSpec:
    """Return what the study says of its QuocNet; raise :class:`InputError` where it has none."""
    spec = workspace.study.quocnet
    if spec is None:
        raise InputError(f"the study {workspace.study.name} has no QuocNet; say which with: --set quocnet.size=...")
    return spec


def split_of(workspace: Workspace) -> str:
    """Return the split that a QuocNet is trained on: train, or of a data set that has none, test."""
    return "train" if "train" in workspace.dataset.splits else "test"
