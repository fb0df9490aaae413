"""The jobs of bounding layers: a model's of the study, and one's that is given for its bounds alone (section 4.3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import xarray as xr

from blindspots.errors import InputError
from blindspots.identity import identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Job
from blindspots.jobs.stages.dataset_job import DatasetJob
from blindspots.jobs.stages.trainings import trained_model, weights_hash
from blindspots.jobs.workspace import Workspace
from blindspots.models.given import given_alexnet, given_hash
from blindspots.models.opening import OpenedModel, open_model
from blindspots.store import layout
from blindspots.study.bounds_spec import BoundsSpec
from blindspots.study.model_spec import GIVEN, GivenSpec
from blindspots.study.study import Study

ALGORITHM = 1
"""Raised with every change of a bound; the golden test says when."""
NAMED_ALGORITHM = 2
"""The same, of networks given by name: 2 since calls, numbers, broadcasts, casts and flags count as they run."""


@dataclass(frozen=True)
class Bounds(DatasetJob):
    """What bounds of one network's layers have in common."""

    stage: ClassVar[str] = "bounds"
    unit: ClassVar[str] = "networks"

    def said(self, drawn: xr.Dataset) -> str:
        """Return the bound of all layers."""
        return f"no two inputs are spread more than {drawn.attrs['product']:.4g} times"


@dataclass(frozen=True)
class ModelBounds(Bounds):
    """Bound every layer of a model of the study, and the whole."""

    model: str
    seed: int

    @property
    def key(self) -> str:
        """``spectral/<model>/seed-<seed>``."""
        return layout.bounds(self.model, self.seed)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The model's weights."""
        return (layout.training_job(self.model, self.seed),)

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of the weights and of what they are the weights of."""
        weights = weights_hash(workspace, self.model, self.seed)
        if weights is None:
            return None
        spec = workspace.study.model(self.model)
        return identity(
            stage="bounds",
            algorithm=NAMED_ALGORITHM if spec.network == GIVEN else ALGORITHM,
            weights=weights,
            network=spec.layers,
            shape=workspace.dataset.shape,
        )

    def draw(self, workspace: Workspace, hands: Hands) -> xr.Dataset:
        """Return the bounds of the model's layers."""
        from blindspots.spectral.network import network_bounds

        model = trained_model(workspace, self.model, self.seed)
        bounds = network_bounds(model, workspace.dataset.shape)
        bounds.attrs |= {"model": self.model, "seed": self.seed}
        return bounds


@dataclass(frozen=True)
class GivenBounds(Bounds):
    """Bound every layer of a model that is given for its bounds alone, on images of its own shape: Table 5's AlexNet.

    Its layers are large, and shared out to whatever workers there are.
    """

    divides: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """``spectral/alexnet``."""
        return layout.alexnet_bounds()

    def check(self, workspace: Workspace) -> None:
        """Raise :class:`InputError` where the file of weights is not there."""
        spec = workspace.study.bounds
        if not spec.fetched and not Path(spec.alexnet).is_file():
            raise InputError(f"bounds.alexnet = {spec.alexnet!r}: there is no such file; name one of AlexNet's weights")

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of the weights' file, or None while it is missing."""
        spec = workspace.study.bounds
        if spec.fetched:
            return identity(stage="bounds", algorithm=ALGORITHM, address=spec.alexnet, sha256=spec.sha256)
        content = alexnet_hash(spec)
        return None if content is None else identity(stage="bounds", algorithm=ALGORITHM, weights=content)

    def draw(self, workspace: Workspace, hands: Hands) -> xr.Dataset:
        """Return what Table 5 needs of the layers."""
        from blindspots.jobs.file_bounds import ModelFile, file_bounds
        from blindspots.tables.table5.layers import alexnet_layers

        given = given_alexnet(workspace.study.bounds)
        file = ModelFile(given.weights, sha256=given.sha256 or None)
        opened, graph = file.open()
        return alexnet_layers(opened, file_bounds(file, graph, hands))


def alexnet_hash(spec: BoundsSpec) -> str | None:
    """Return what the weights of the study's AlexNet are known by, or None while their file is missing."""
    return given_hash(given_alexnet(spec))


def open_alexnet(spec: BoundsSpec) -> OpenedModel:
    """Return the study's AlexNet; raise :class:`InputError` where its weights cannot be had or are of no AlexNet."""
    given = given_alexnet(spec)
    return _opened(given, given_hash(given))


@lru_cache(maxsize=1)
def _opened(given: GivenSpec, content: str | None) -> OpenedModel:
    return open_model(given.weights, sha256=given.sha256 or None)


def bounds(study: Study) -> Iterator[Job]:
    """Return a job for each model and seed where the study asks for them, and one for a model given for this alone."""
    if study.bounds.alexnet:
        yield GivenBounds()
    if study.bounds.models:
        for spec in study.models:
            for seed in range(study.seeds):
                yield ModelBounds(spec.name, seed)
