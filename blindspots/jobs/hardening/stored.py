"""The pools of a model as they are at the end of its training: one group a layer, a row a slot."""

from collections.abc import Mapping
from math import prod

import numpy as np
import torch

from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.arrays import Variable, create_group, delete_group, read_shard, shard_files, write_shard
from blindspots.store.fitting import fit_whole
from blindspots.training.hardening.pool import Pool


def pool_layers(workspace: Workspace, model: str) -> tuple[int, ...]:
    """Return the layers of a model that have pools with any effect."""
    pools = workspace.study.model(model).pools
    return () if pools is None or pools.idle else pools.layers


def variables(workspace: Workspace, model: str, layer: int) -> dict[str, Variable]:
    """Return the arrays of a layer's pool."""
    spec = workspace.study.model(model)
    units = prod(workspace.dataset.shape) if layer == 0 else spec.hidden[layer - 1]
    assert spec.pools is not None
    what = "change of the activation" if spec.pools.stored == "delta" else "activation, changed"
    searched = spec.pools.direction in ("nearest", "random")  # else there is a step, whatever is read after it
    length = "least change found that misleads" if searched else "change"
    counts = "one was found" if searched else "there is one, or no need of it"
    return {
        "values": Variable("float32", f"{what}, of the layer's output", "activation", ("unit",), (units,)),
        "example": Variable("int64", "index of the image in the data set"),
        "round": Variable("int64", "round in which the slot was filled; -1: never"),
        "distance": Variable("float32", f"Euclidean length of the {length}", "activation"),
        "success": Variable("bool", f"whether {counts}; a slot without is not shown"),
        "target": Variable("int64", "class that is read there"),
    }


def files(workspace: Workspace, model: str, seed: int) -> dict[str, str]:
    """Return the files of all pools, by the names that the training's receipt has for them."""
    return {
        f"layer-{layer}/{name}": key
        for layer in pool_layers(workspace, model)
        for name, key in shard_files(layout.pool(model, seed, layer), 0, variables(workspace, model, layer)).items()
    }


def arrays(
    workspace: Workspace, model: str, memory: Mapping[str, torch.Tensor], ids: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the arrays of all pools out of a training's ``memory``, by the same names.

    ``ids``: of the images that the model is trained on.
    """
    found: dict[str, np.ndarray] = {}
    for layer in pool_layers(workspace, model):
        pool = Pool(**{name: memory[f"pool:{layer}:{name}"] for name in variables(workspace, model, layer)})
        found |= {f"layer-{layer}/{name}": values for name, values in pool.arrays(ids).items()}
    return found


def write(
    workspace: Workspace, model: str, seed: int, content: Mapping[str, np.ndarray], attributes: Mapping[str, str]
) -> None:
    """Write all pools."""
    for layer in pool_layers(workspace, model):
        group, kinds = layout.pool(model, seed, layer), variables(workspace, model, layer)
        own = {name: content[f"layer-{layer}/{name}"] for name in kinds}
        rows = len(own["example"])
        create_group(workspace.place, group, kinds, dim="slot", rows=rows, shard=rows, attributes=attributes)
        write_shard(workspace.place, group, 0, rows, own)


def fit(
    workspace: Workspace, model: str, seed: int, attributes: Mapping[str, str] | None, hashes: Mapping[str, str]
) -> None:
    """Have the metadata of all pools be as they are made; ``hashes``: of their arrays, by the names in the receipt."""
    for layer in pool_layers(workspace, model):
        kinds = variables(workspace, model, layer)
        known = {name: hashes[f"layer-{layer}/{name}"] for name in kinds if f"layer-{layer}/{name}" in hashes}
        group = layout.pool(model, seed, layer)
        fit_whole(workspace.place, group, kinds, dim="slot", attributes=attributes, hashes=known)


def read(workspace: Workspace, model: str, seed: int) -> dict[str, np.ndarray]:
    """Return the arrays of all pools by the names in the receipt; raise :class:`CorruptShardError` as for any shard."""
    found: dict[str, np.ndarray] = {}
    for layer in pool_layers(workspace, model):
        group, kinds = layout.pool(model, seed, layer), variables(workspace, model, layer)
        rows = read_shard(workspace.place, group, 0, 2**40, kinds)
        found |= {f"layer-{layer}/{name}": values for name, values in rows.items()}
    return found


def delete(workspace: Workspace, model: str, seed: int, *, rounds: bool = True) -> None:
    """Delete the pools of another training under the same name, whatever layers it had; and what its rounds left."""
    delete_group(workspace.place, layout.pools(model, seed))
    if rounds:
        workspace.place.delete_all(layout.pool_work(model, seed))
