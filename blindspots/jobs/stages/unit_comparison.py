"""What jobs share that hold units against other directions: the images, how alike they are, and what is stored."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import xarray as xr

from blindspots.datasets.wordnet import BRANCHES, check_known, same_branch, wordnet_similarity
from blindspots.device import BATCH, rows_at_once
from blindspots.errors import InputError
from blindspots.identity import array_hash, identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Progress, Report
from blindspots.jobs.stages.dataset_job import DatasetShards
from blindspots.jobs.stages.trainings import trained_model, weights_hash
from blindspots.jobs.workspace import Workspace
from blindspots.models.activations import last_codes
from blindspots.models.given import file_hash
from blindspots.store import layout
from blindspots.store.arrays import delete_group, group_names, open_root
from blindspots.units.coherence import (
    OF_FEATURES,
    OF_PIXELS,
    OF_WORDNET,
    SAME_BRANCH,
    SAME_LABEL,
    BetweenLabels,
    Cosine,
    Measure,
)
from blindspots.units.comparison import RANDOM, UNIT_LENGTH, compare_units
from blindspots.units.layer import LayerActivations
from blindspots.units.record import deciding, record

ALGORITHM = 1
"""Raised with every change of what is drawn or compared; the golden test says when."""

_IN_REACH = 64
"""Arrays that a pass through a network holds beside an image, about: how many images are shown at once."""


@dataclass(frozen=True)
class UnitComparison(DatasetShards):
    """The layers of something, one a shard: their units beside random rotations and other directions."""

    stage: ClassVar[str] = "units"
    unit: ClassVar[str] = "bases"

    features: str = field(default="", kw_only=True)
    """The model in whose features images are compared too; empty for none."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The training of the model in whose features images are compared."""
        return (layout.training_job(self.features, 0),) if self.features else ()

    @abstractmethod
    def layers(self, workspace: Workspace) -> tuple[str, ...]:
        """Return the names of the layers, one a shard."""

    @abstractmethod
    def outputs(self, workspace: Workspace, layer: str, ids: np.ndarray) -> torch.Tensor:
        """Return what a layer hands on of the examples ``ids``: (n, ...)."""

    @abstractmethod
    def content(self, workspace: Workspace) -> dict[str, Any] | None:
        """Return what decides the layers' outputs, the images apart; None while an input is missing."""

    def maximum(self, workspace: Workspace) -> bool:
        """Tell whether a score is the maximum over the places of a map."""
        return workspace.study.units.score == "maximum"

    def shards(self, workspace: Workspace) -> int:
        """Return how many layers there are."""
        return len(self.layers(workspace))

    def size(self, workspace: Workspace, shard: int) -> int:
        """Return how many bases are looked at, those alone that take long."""
        return workspace.study.units.rotations + workspace.study.units.bases

    def group(self, workspace: Workspace, shard: int) -> str:
        """Return the layer's group, below the key."""
        return f"{self.key}/{self.layers(workspace)[shard]}"

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of the outputs, the images, and how they are compared."""
        spec, own = workspace.study.units, self.content(workspace)
        features = "" if spec.features is None else weights_hash(workspace, spec.features, 0)
        if own is None or features is None:
            return None
        if spec.wordnet:
            own = {**own, "wordnet": file_hash(Path(spec.wordnet)), "branches": BRANCHES}
        return identity(
            stage="units",
            algorithm=ALGORITHM,
            **own,
            layer=self.layers(workspace)[shard],
            features=features,
            dataset=workspace.dataset.sha256,
            examples=array_hash(workspace.examples(spec.split, spec.images)),
            units=spec.model_dump(
                mode="json", exclude={"models", "layers", "images", "untrained", "features", "wordnet"}
            ),
            seed=workspace.study.seed,
            dtype="float32",
            device=workspace.device,
        )

    def check(self, workspace: Workspace) -> None:
        """Raise :class:`InputError` where the split has too few images."""
        spec = workspace.study.units
        count = len(workspace.examples(spec.split, spec.images))
        if count <= spec.top:
            raise InputError(
                f"units.top = {spec.top}: {workspace.dataset.name} has {count} images in {spec.split}, and more than "
                "so many are wanted; set another top"
            )
        if spec.wordnet:
            check_known(Path(spec.wordnet), _keys(workspace))

    def fit(self, workspace: Workspace) -> None:
        """Delete the groups of layers that are not looked at any more."""
        for name in group_names(workspace.place, self.key):
            if name not in self.layers(workspace):
                delete_group(workspace.place, f"{self.key}/{name}")

    def prepare(self, workspace: Workspace) -> bool:
        """Make the groups above, which several workers write below."""
        open_root(workspace.place).require_group(self.key)
        return False

    def drawn(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> xr.Dataset:
        """Return the layer's comparisons, raw and at unit length."""
        study, spec, layer = workspace.study, workspace.study.units, self.layers(workspace)[shard]
        ids = workspace.examples(spec.split, spec.images)
        compared = measures(workspace)  # before the outputs, which are as large as the pixels that it looks at
        outputs = self.outputs(workspace, layer, ids)
        called = f"the layer {layer} of {self.key}"
        units_of_layer = LayerActivations.of(outputs, top=spec.top, maximum=self.maximum(workspace), called=called)
        del outputs
        done, size = 0, self.size(workspace, shard)

        def count() -> None:
            nonlocal done
            done += 1
            report(Progress(self.stage, self.key, done, size, self.unit))

        views = compare_units(
            units_of_layer,
            compared,
            rotations=spec.rotations,
            bases=spec.bases,
            directions=spec.directions,
            doses=spec.doses,
            seed=study.seed,
            purpose=(layer,),
            on_basis=count,
        )
        return record(
            views,
            ids,
            seed=study.seed,
            attributes={
                "layer": layer,
                "place": shard,
                "split": spec.split,
                "images": len(ids),
                "top": spec.top,
                "score": spec.score,
                "rotations": spec.rotations,
                "dataset": study.dataset_name,
                "dataset_sha256": workspace.dataset.sha256,
                **self.described(),
            },
        )

    @abstractmethod
    def described(self) -> dict[str, Any]:
        """Return the attributes that tell whose layers these are."""

    def said(self, drawn: xr.Dataset) -> str:
        """Return what random directions keep of the units' coherence."""
        cell = drawn.sel(view=UNIT_LENGTH, kind=RANDOM, measure=deciding(drawn))
        share = "no coherence above chance" if np.isnan(cell["kept"]) else f"{100 * float(cell['kept']):.0f}% kept"
        about = f"{drawn.attrs['layer']}: {drawn.attrs['units']} units"
        return f"{about}, {share} by random directions, p {float(cell['p']):.3f}"


def images(workspace: Workspace, ids: np.ndarray) -> Iterator[torch.Tensor]:
    """Yield the images of the examples ``ids`` on the workspace's device, as many at once as fit."""
    dataset, split = workspace.dataset, workspace.study.units.split
    values = int(np.prod(dataset.shape))
    at_once = rows_at_once(values, arrays=_IN_REACH, most=BATCH)
    for start in range(0, len(ids), at_once):
        yield dataset.images(split, ids[start : start + at_once]).to(workspace.device)


def all_images(workspace: Workspace, ids: np.ndarray) -> torch.Tensor:
    """Return the images of the examples ``ids`` (n, channels, height, width) on the workspace's device, held once."""
    found = torch.empty((len(ids), *workspace.dataset.shape), device=workspace.device)
    start = 0
    for part in images(workspace, ids):
        found[start : start + len(part)] = part
        start += len(part)
    return found


def measures(workspace: Workspace) -> Mapping[str, Measure]:
    """Return the measures of how alike the study's images are, by name; those of the last workspace are kept."""
    spec = workspace.study.units
    features = None if spec.features is None else weights_hash(workspace, spec.features, 0)
    return _measures(workspace, features)


@lru_cache(maxsize=1)
def _measures(workspace: Workspace, features: str | None) -> Mapping[str, Measure]:
    spec, dataset = workspace.study.units, workspace.dataset
    ids = workspace.examples(spec.split, spec.images)
    labels = dataset.labels(spec.split, ids).to(workspace.device)
    found: dict[str, Measure] = {SAME_LABEL: BetweenLabels.same(labels, dataset.classes)}
    if spec.wordnet:
        for name, alike in _by_wordnet(spec.wordnet, _keys(workspace)).items():
            found[name] = BetweenLabels(labels, torch.from_numpy(alike).to(workspace.device))
    found[OF_PIXELS] = Cosine.between(all_images(workspace, ids))
    if spec.features is not None:
        model = trained_model(workspace, spec.features, 0)
        found[OF_FEATURES] = Cosine.between(last_codes(model, images(workspace, ids)))
    return found


def _keys(workspace: Workspace) -> tuple[str, ...]:
    """Return what the classes are known by; raise :class:`InputError` where they have numbers alone."""
    keys = getattr(workspace.dataset, "class_keys", None)
    if keys is None:
        raise InputError(
            f"units.wordnet = {workspace.study.units.wordnet!r}: the classes of {workspace.dataset.name} have no "
            "places in WordNet, as those of pictures named by wnids have; leave it out"
        )
    return tuple(keys)


@lru_cache(maxsize=1)
def _by_wordnet(file: str, keys: tuple[str, ...]) -> Mapping[str, np.ndarray]:
    return {OF_WORDNET: wordnet_similarity(Path(file), keys), SAME_BRANCH: same_branch(Path(file), keys)}
