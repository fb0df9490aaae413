"""The job of seeing what a model's pools are: whether any image reaches them, and their share of the gradient.

A pool of a hidden layer holds activations that are misread. For each is sought, among all images of the box, the one
whose activation is nearest, and the least changed one that comes nearly as near: both upper bounds, see
:mod:`blindspots.training.hardening.preimage`. The slots are the first that are shown at the training's end, and the
network is the one that the training left.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import xarray as xr

from blindspots.identity import identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.hardening import stored
from blindspots.jobs.stages.dataset_job import DatasetJob
from blindspots.jobs.stages.trainings import trained_model
from blindspots.jobs.workspace import Workspace
from blindspots.networks.fully_connected import FullyConnected
from blindspots.store import layout
from blindspots.store.receipts import read_receipt
from blindspots.study.pools_spec import PoolsSpec
from blindspots.study.recipes.recipe import with_pools
from blindspots.study.study import Study
from blindspots.training.hardening.full_batch import Shown
from blindspots.training.hardening.parts import above, below
from blindspots.training.hardening.preimage import preimages
from blindspots.training.objective import to_vector

ALGORITHM = 1
"""Raised with every change of a number."""

SLOTS, IMAGES = 100, 5000
"""Slots of each pool that are looked at, and training images: as other starts, and for the gradient."""
SLACK = 0.1
"""An image is near enough to an activation when it is by so much of the pool's change farther than the nearest."""


@dataclass(frozen=True)
class PoolReasons(DatasetJob):
    """What the pools of one training are at its end."""

    stage: ClassVar[str] = "pools"
    unit: ClassVar[str] = "models"

    model: str
    seed: int

    @property
    def key(self) -> str:
        """``reasons/<model>/seed-<seed>``."""
        return layout.reasons(self.model, self.seed)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The training, which leaves weights and pools."""
        return (layout.training_job(self.model, self.seed),)

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of the weights and pools and of what the pools train, or None while they are missing."""
        receipt = read_receipt(workspace.place, layout.receipt(layout.training_job(self.model, self.seed), 0))
        if receipt is None:
            return None
        study, spec = workspace.study, workspace.study.model(self.model)
        assert spec.pools is not None
        return identity(
            stage="reasons",
            algorithm=ALGORITHM,
            arrays=dict(receipt.arrays),
            pools=spec.pools.model_dump(mode="json", include={"layers", "stored", "trains", "weight"}),
            dataset=workspace.dataset.sha256,
            split=spec.split,
            images=study.training.images,
            order=study.seed,
            device=workspace.device,
        )

    def draw(self, workspace: Workspace, hands: Hands) -> xr.Dataset:
        """Return the result."""
        spec = workspace.study.model(self.model)
        assert spec.pools is not None
        network = trained_model(workspace, self.model, self.seed)
        assert isinstance(network, FullyConnected)
        ids = workspace.examples(spec.split, workspace.study.training.images)[:IMAGES]
        images = workspace.dataset.images(spec.split, ids).to(workspace.device)
        labels = workspace.dataset.labels(spec.split, ids).to(workspace.device)
        found = stored.read(workspace, self.model, self.seed)
        exact = deepcopy(network).double().requires_grad_(False)
        shown = {layer: _shown(workspace, spec.split, found, layer) for layer in spec.pools.layers}
        rows = {
            layer: looked_at(exact, layer, spec.pools.stored, *pool, images.double()) for layer, pool in shown.items()
        }
        shares = gradient_shares(exact, spec.pools, shown, images.double(), labels)
        layers = list(spec.pools.layers)
        return xr.Dataset(
            {
                **{
                    name: (("layer", "slot"), np.stack([_filled(rows[layer][name]) for layer in layers]), about)
                    for name, about in _ABOUT.items()
                },
                "gradient_share": ("layer", np.array([shares[layer] for layer in layers]), {"long_name": _SHARE}),
            },
            {"layer": layers, "slot": np.arange(SLOTS)},
            {"model": self.model, "seed": self.seed, "slack": SLACK},
        )


_ABOUT = {
    "change": {"long_name": "how far the pool's activation is from that of its own image", "units": "activation"},
    "distance": {
        "long_name": "how far it is from the nearest activation of any image found; an upper bound",
        "units": "activation",
    },
    "input_change": {
        "long_name": "least change found of its own image whose activation comes nearly as near; an upper bound",
        "units": "pixel value",
    },
    "misread": {"long_name": "whether what follows the layer misreads the pool's activation: 1 or 0"},
    "nearest_misread": {"long_name": "whether the network misreads the image whose activation is the nearest: 1 or 0"},
}
_SHARE = "norm of the pool's part of the loss's gradient, over the sum of those of images and all pools"


def looked_at(
    network: FullyConnected,
    layer: int,
    kept: str,
    values: torch.Tensor,
    images: torch.Tensor,
    labels: torch.Tensor,
    others: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Return what is found of the first slots of a pool, a value a slot (n,), in float64.

    ``values``: (n, units) as stored, the ``kept`` "delta" or "activation"; ``images``: (n, ...) its own; ``others``:
    (m, ...) images of which each slot's nearest is another start, beside the mean of them all.
    """
    values, own, labels = values[:SLOTS].double(), images[:SLOTS].double().flatten(1), labels[:SLOTS]
    inner, rest = below(network, layer), above(network, layer)
    now = inner(own)
    wanted = values if kept == "activation" else (now + values).clamp(0, 1)
    change = (wanted - now).norm(dim=1)
    if layer == 0:  # an image of the box itself
        nearest, distance, least = wanted, torch.zeros_like(change), change
    else:
        flat = others.flatten(1)
        like = flat[torch.cdist(wanted, inner(flat)).argmin(dim=1)]
        starts = [like, flat.mean(dim=0).expand_as(own)]
        found = preimages(inner, wanted, own, starts, slack=SLACK * change)
        nearest, distance, least = found.nearest, found.distance, found.change
    return {
        "change": change,
        "distance": distance,
        "input_change": least,
        "misread": (rest(wanted).argmax(dim=1) != labels).double(),
        "nearest_misread": (network(nearest).argmax(dim=1) != labels).double(),
    }


def gradient_shares(
    network: FullyConnected,
    pools: PoolsSpec,
    shown: dict[int, tuple[torch.Tensor, torch.Tensor, torch.Tensor]],
    images: torch.Tensor,
    labels: torch.Tensor,
) -> dict[int, float]:
    """Return each pool's share of the loss's gradient by all weights: of the sum of its parts' Euclidean norms.

    The parts are the images' and every pool's, each with its weight in the loss; pools that take turns are each looked
    at beside the images alone, as in their rounds.
    """
    shapes = [(each.out_features, each.in_features) for each in network.linears]
    point, together = to_vector(network), pools.turns == "together"
    own = Shown(0, images.flatten(1), 0, None, labels).loss(point, shapes)[1].norm() * (1 - pools.weight)
    each_has = pools.weight / (len(shown) if together else 1)
    parts = {}
    for layer, (values, of, labels_of) in shown.items():
        values, flat = values.double(), of.double().flatten(1)
        if pools.stored == "activation":
            part = Shown(layer, values, layer, None, labels_of)
        elif pools.trains == "all":
            part = Shown(0, flat, layer, values, labels_of)
        else:
            part = Shown(layer, (below(network, layer)(flat) + values).clamp(0, 1), layer, None, labels_of)
        parts[layer] = float(part.loss(point, shapes)[1].norm() * each_has) if len(labels_of) else 0.0
    whole = {layer: float(own) + (sum(parts.values()) if together else part) for layer, part in parts.items()}
    return {layer: part / whole[layer] if whole[layer] else 0.0 for layer, part in parts.items()}


def _shown(
    workspace: Workspace, split: str, found: dict[str, Any], layer: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return values, images and labels of the slots of a stored pool that are shown, the first so many."""
    of = {name: found[f"layer-{layer}/{name}"] for name in ("values", "example", "round", "success")}
    slots = np.flatnonzero(of["success"] & (of["round"] >= 0))[:IMAGES]
    ids = of["example"][slots]
    return (
        torch.from_numpy(of["values"][slots]).to(workspace.device),
        workspace.dataset.images(split, ids).to(workspace.device),
        workspace.dataset.labels(split, ids).to(workspace.device),
    )


def _filled(values: torch.Tensor) -> np.ndarray:
    """Return ``values`` (n,) with NaN for slots that are not there: (SLOTS,)."""
    found = np.full(SLOTS, np.nan)
    found[: len(values)] = values.cpu().numpy()
    return found


def pool_reasons(study: Study) -> Iterator[PoolReasons]:
    """Return a job for each seed of each model with pools that is compared."""
    for spec in with_pools(study):
        for seed in range(study.seeds):
            yield PoolReasons(spec.name, seed)
