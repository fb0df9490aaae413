"""The job of counting adversarial negatives: one model, shown random directions from the images of its nearest set."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np
import torch
import zarr

from blindspots.errors import OutOfReachError
from blindspots.jobs.stages.beginnings import BeginningOfNearest
from blindspots.jobs.stages.example_set import EXAMPLE
from blindspots.jobs.stages.trainings import trained_model, weights_hash
from blindspots.jobs.workspace import Workspace
from blindspots.names import NEAREST
from blindspots.negatives.counts import WHERE, adversarial_negatives
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError, Variable, open_root, read_rows
from blindspots.store.documents import Document
from blindspots.store.fitting import documents_of
from blindspots.study.study import Study

ALGORITHM = 1
"""Raised with every change of what is drawn or counted; the golden test says when."""


@dataclass(frozen=True)
class Negatives(BeginningOfNearest):
    """The counts of one model's negatives, image by image, over the beginning of its nearest set."""

    stage: ClassVar[str] = "negatives"

    @property
    def key(self) -> str:
        """``negatives/<model>/seed-<seed>``."""
        return layout.negatives(self.model, self.seed)

    def images(self, workspace: Workspace) -> int:
        """Return how many images are shown."""
        return workspace.study.negatives.images

    def variables(self, workspace: Workspace) -> Mapping[str, Variable]:
        """Return the images' least distortions and the counts of their directions."""
        dims, shape = ("where", "multiple"), (len(WHERE), len(workspace.study.negatives.multiples))
        return {
            "example": EXAMPLE,
            "least": Variable("float64", "least distortion, from the nearest set", "pixel value"),
            "counted": Variable("bool", "read as its label, with a known least distortion; others are not shown"),
            "shown": Variable("int32", "random directions along which the image was shown", "1", dims, shape),
            "misread": Variable("int32", "those of them along which it was misread", "1", dims, shape),
            "out_of_reach": Variable(
                "int32", "random directions along which the box holds no such distortion", "1", dims, shape
            ),
        }

    def content(self, workspace: Workspace) -> dict[str, Any] | None:
        """Return the weights' hash, the directions and the multiples."""
        weights = weights_hash(workspace, self.model, self.seed)
        if weights is None:
            return None
        spec = workspace.study.negatives
        return {
            "stage": "negatives",
            "algorithm": ALGORITHM,
            "weights": weights,
            "network": workspace.study.model(self.model).layers,
            "directions": spec.directions,
            "multiples": spec.multiples,
            "seed": workspace.study.seed,
        }

    def attributes(self, workspace: Workspace) -> dict[str, Any]:
        """Return what is counted."""
        return {
            "model": self.model,
            "paper": workspace.study.model(self.model).paper,
            "seed": self.seed,
            "split": self.split,
            "rule": NEAREST,
            "directions": workspace.study.negatives.directions,
            "values": prod(workspace.dataset.shape),
            "dataset": workspace.study.dataset_name,
            "dataset_sha256": workspace.dataset.sha256,
            "comment": "sphere: image + multiple * least * direction; box: clipped to [0, 1], of the same distortion",
        }

    def prepare(self, workspace: Workspace) -> bool:
        """Make arrays for this very work, unless they are there, and their coordinates in any case."""
        made = super().prepare(workspace)
        group = open_root(workspace.place)[self.key]
        assert isinstance(group, zarr.Group)
        _make_coordinates(group, workspace.study)
        return made

    def documents(self, workspace: Workspace) -> dict[str, Document]:
        """Return the metadata of the arrays, and of their coordinates."""
        coordinates = documents_of(lambda group: _make_coordinates(group, workspace.study))
        return {**super().documents(workspace), **coordinates}

    def compute(self, workspace: Workspace, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Show the examples ``ids`` along their random directions."""
        least = self.leasts(workspace, ids)
        found = adversarial_negatives(
            trained_model(workspace, self.model, self.seed),
            workspace.dataset.images(self.split, ids).to(workspace.device),
            workspace.dataset.labels(self.split, ids).to(workspace.device),
            least=torch.from_numpy(least),
            multiples=workspace.study.negatives.multiples,
            directions=workspace.study.negatives.directions,
            seed=workspace.study.seed,
            examples=ids,
            split=self.split,
        )
        return {
            "example": ids,
            "least": least,
            "counted": found.counted.numpy(),
            "shown": found.shown.numpy(),
            "misread": found.misread.numpy(),
            "out_of_reach": found.out_of_reach.numpy(),
        }

    def said(self, workspace: Workspace, shard: int, arrays: Mapping[str, np.ndarray]) -> str:
        """Return how many directions misread at the largest multiple."""
        misread, shown = (arrays[name][..., -1].sum(axis=0) for name in ("misread", "shown"))
        parts = [f"{where} {m} of {n}" for where, m, n in zip(WHERE, misread, shown, strict=True)]
        largest = workspace.study.negatives.multiples[-1]
        return f"shard {shard}: misread at {largest:g} times the least: " + ", ".join(parts)

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        """Return the file of each array, and of the coordinates, which all shards share."""
        coordinates = {name: layout.chunk(self.key, name, (0,)) for name in _coordinates(workspace.study)}
        return {**super().files(workspace, shard), **coordinates}

    def read(self, workspace: Workspace, shard: int, names: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """Return the shard's arrays as stored; raise :class:`CorruptShardError` where their coordinates are not."""
        coordinates = _coordinates(workspace.study)
        try:
            found = {name: array.tolist() for name, array in read_rows(workspace.place, self.key, coordinates).items()}
        except OutOfReachError:
            raise
        except Exception as error:  # codecs raise what they like
            raise CorruptShardError(f"coordinates: {(str(error).splitlines() or ['damaged'])[0]}") from None
        if found != {name: list(values) for name, (values, _, _) in coordinates.items()}:
            raise CorruptShardError(f"coordinates: they are {found}, not those of the study")
        return super().read(workspace, shard, names)


def _coordinates(study: Study) -> dict[str, tuple[tuple[Any, ...], type | str, str]]:
    """Return the values, the dtype and the meaning of each dimension after the first."""
    return {
        "where": (WHERE, str, "where the images as shown lie"),
        "multiple": (study.negatives.multiples, "float64", "distortion as a multiple of the image's least"),
    }


def _make_coordinates(group: zarr.Group, study: Study) -> None:
    for name, (values, dtype, long_name) in _coordinates(study).items():
        array = group.create_array(
            name,
            shape=(len(values),),
            dtype=dtype,
            dimension_names=(name,),
            overwrite=True,
            attributes={"units": "1", "long_name": long_name},
        )
        array[:] = np.array(values, dtype=object if dtype is str else dtype)


def negatives(study: Study) -> Iterator[Negatives]:
    """Return a job for each model and seed; none where the study asks for no images or makes no nearest sets."""
    if not study.negatives.images or NEAREST not in study.sets.rules:
        return
    for spec in study.models:
        for seed in range(study.seeds):
            yield Negatives(split=study.splits(spec)[0], model=spec.name, seed=seed)
