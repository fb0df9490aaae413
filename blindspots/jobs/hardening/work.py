"""What a worker makes for the pools of a training: some rows of a round's group, from weights that lie in the store.

A part reads all that it needs from the store, and what it leaves there does not change what it read: so a part that was
lost with its worker is made again, to the last bit. Its file says whose training it is of and from which weights it was
made, and is written whole or not at all: that is its receipt.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from time import perf_counter

import torch

from blindspots.identity import arrays_hash
from blindspots.jobs.workspace import Workspace
from blindspots.networks.build import build_network
from blindspots.networks.fully_connected import FullyConnected
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError
from blindspots.store.weights import as_arrays, load_checked, read_metadata, save_checked
from blindspots.study.model_spec import ModelSpec
from blindspots.study.pools_spec import PoolsSpec
from blindspots.training.hardening.perturbing import Perturbed, perturbed
from blindspots.training.hardening.refreshing import Weights, parts_of
from blindspots.training.hardening.schedule import Group, group_of

Part = tuple[int, int, int]
"""A round, a layer, and which of the parts of its group."""


@dataclass(frozen=True)
class PoolWork:
    """The pools of one training; a plain value that can be sent to a worker."""

    workspace: Workspace
    model: str
    seed: int
    identity: str
    """The hash of what decides the training: files of another are not taken for this one's."""

    @property
    def spec(self) -> ModelSpec:
        """The model."""
        return self.workspace.study.model(self.model)

    @property
    def pools(self) -> PoolsSpec:
        """Its pools."""
        pools = self.spec.pools
        assert pools is not None  # for the type checker: nobody else has such work
        return pools

    def parts(self, number: int) -> list[Part]:
        """Return the parts of a round, layer by layer."""
        count = len(parts_of(self.pools.replaced))
        return [(number, layer, index) for layer in self.pools.layers for index in range(count)]

    def group(self, layer: int, number: int) -> Group:
        """Return what a round replaces in the pool of ``layer``."""
        images = len(self.workspace.examples(self.spec.split, self.workspace.study.training.images))
        pools = self.pools
        return group_of(
            self.seed + self.spec.initial,
            layer,
            number,
            size=pools.size,
            replaced=pools.replaced,
            images=images,
            classes=self.workspace.dataset.classes,
        )

    def leave_weights(self, number: int, weights: Weights) -> str:
        """Store the weights that a round is made from, and return their hash."""
        found = arrays_hash(as_arrays(weights))
        key = layout.pool_weights(self.model, self.seed, number)
        save_checked(self.workspace.place, key, weights, {"identity": self.identity, "weights": found})
        return found

    def has(self, part: Part, weights: str) -> bool:
        """Tell whether a part is there, of this very training and made from the weights of that hash.

        Its content is looked at by whoever reads it.
        """
        try:
            said = read_metadata(self.workspace.place, self.key(part))
        except CorruptShardError:
            return False
        return (said.get("identity"), said.get("weights")) == (self.identity, weights)

    def read(self, part: Part) -> Perturbed:
        """Return a part; raise :class:`CorruptShardError` where it is missing or damaged."""
        found, _ = load_checked(self.workspace.place, self.key(part))
        return Perturbed(**{field.name: found[field.name].to(self.workspace.device) for field in fields(Perturbed)})

    def key(self, part: Part) -> str:
        """Return the file of a part."""
        return layout.pool_part(self.model, self.seed, *part)

    def forget(self, number: int) -> None:
        """Delete all that was needed for a round."""
        self.workspace.place.delete_all(layout.pool_round(self.model, self.seed, number))

    def clean_up(self) -> None:
        """Delete all that is needed only while the model is trained."""
        self.workspace.place.delete_all(layout.pool_work(self.model, self.seed))


def make_part(work: PoolWork, part: Part) -> float:
    """Make and store a part of a round, where it is not there, and return the seconds that it took."""
    started = perf_counter()
    number, layer, index = part
    key = layout.pool_weights(work.model, work.seed, number)
    weights, metadata = load_checked(work.workspace.place, key)
    said = metadata.get("weights", "")
    if work.has(part, said):
        return 0.0
    network = _network(work)
    network.load_state_dict(weights)
    rows, group = parts_of(work.pools.replaced)[index], work.group(layer, number)
    workspace, split = work.workspace, work.spec.split
    ids = workspace.examples(split, workspace.study.training.images)[group.examples[rows]]
    made = perturbed(
        network,
        workspace.dataset.images(split, ids).to(workspace.device),
        workspace.dataset.labels(split, ids).to(workspace.device),
        layer=layer,
        spec=work.pools,
        turns=torch.from_numpy(group.turns[rows]).to(workspace.device),
    )
    tensors = {field.name: getattr(made, field.name) for field in fields(made)}
    save_checked(workspace.place, work.key(part), tensors, {"identity": work.identity, "weights": said})
    return perf_counter() - started


@lru_cache(maxsize=1)
def _network(work: PoolWork) -> FullyConnected:
    """Return a network of the model's shape, kept: its weights are set for each part."""
    dataset = work.workspace.dataset
    network = build_network(work.spec, shape=tuple(dataset.shape), classes=dataset.classes)
    assert isinstance(network, FullyConnected)
    return network.to(work.workspace.device)
