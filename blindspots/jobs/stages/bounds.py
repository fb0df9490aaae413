"""The jobs of bounding layers: those of one model of the study, and those of an AlexNet for Table 5 (section 4.3)."""

import hashlib
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
from blindspots.store import layout
from blindspots.study.study import ALEXNET, PRETRAINED, Study

ALGORITHM = 1
"""Raised with every change of a bound; the golden test says when."""


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
    """Bound every layer of a trained model, and the whole."""

    model: str
    seed: int

    @property
    def key(self) -> str:
        """``spectral/<model>/seed-<seed>``."""
        return layout.bounds(self.model, self.seed)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The model's training."""
        return (layout.training_job(self.model, self.seed),)

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of the weights and of what they are the weights of."""
        weights = weights_hash(workspace, self.model, self.seed)
        if weights is None:
            return None
        return identity(
            stage="bounds",
            algorithm=ALGORITHM,
            weights=weights,
            network=workspace.study.model(self.model).layers,
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
class AlexNetBounds(Bounds):
    """Bound every layer of the AlexNet whose weights the study names."""

    @property
    def key(self) -> str:
        """``spectral/alexnet``."""
        return f"spectral/{ALEXNET}"

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
        content = _content(Path(spec.alexnet))
        return None if content is None else identity(stage="bounds", algorithm=ALGORITHM, weights=content)

    def draw(self, workspace: Workspace, hands: Hands) -> xr.Dataset:
        """Return what Table 5 needs of the layers."""
        from blindspots.models.opening import open_model
        from blindspots.networks.known import ALEXNET_SHA256, ALEXNET_URL
        from blindspots.spectral.network import network_bounds
        from blindspots.tables.table5_layers import alexnet_layers

        spec = workspace.study.bounds
        public = spec.alexnet == PRETRAINED
        opened = open_model(
            ALEXNET_URL if public else spec.alexnet, sha256=ALEXNET_SHA256 if public else spec.sha256 or None
        )
        return alexnet_layers(opened, network_bounds(opened.model.to(workspace.device), opened.input_shape))


def _content(path: Path) -> str | None:
    """Return the hash of a file's content, read anew only where size or time changed; None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return _hash(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4)
def _hash(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bounds(study: Study) -> Iterator[Job]:
    """Return a job for each model and seed where the study asks for them, and one for the AlexNet that it names."""
    if study.bounds.alexnet:
        yield AlexNetBounds()
    if study.bounds.models:
        for spec in study.models:
            for seed in range(study.seeds):
                yield ModelBounds(spec.name, seed)
