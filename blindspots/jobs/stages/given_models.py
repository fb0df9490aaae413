"""The job of taking a model that the study is given: its weights are copied into the store, where all others read."""

import json
from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar

import numpy as np
from torch import nn

from blindspots.identity import identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.hardening import stored
from blindspots.jobs.job import Job, Progress, Report
from blindspots.jobs.workspace import Workspace
from blindspots.models.given import given_hash, open_given
from blindspots.store import layout
from blindspots.store.arrays import delete_group
from blindspots.store.weights import as_arrays, load_weights, save_weights
from blindspots.study.model_spec import GIVEN, GivenSpec, ModelSpec

ALGORITHM = 1
"""Raised with every change of what is stored of the same file."""

SEED = 0
"""The seed under which a given model is stored: it has one set of weights."""


@dataclass(frozen=True)
class GivenModel(Job):
    """Take a model with its weights into the store, once they fit its network and the data set."""

    stage: ClassVar[str] = "train"
    unit: ClassVar[str] = "models"

    model: str

    @property
    def key(self) -> str:
        """``models/<model>/seed-0``."""
        return layout.training_job(self.model, SEED)

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of the weights' file and of what it is to fit, or None while there is no file."""
        spec, given = self._given(workspace)
        found = given_hash(given)
        if found is None:
            return None
        dataset = workspace.dataset
        return identity(
            stage="given",
            algorithm=ALGORITHM,
            weights=found,
            network=spec.layers,
            shape=dataset.shape,
            classes=dataset.classes,
        )

    def check(self, workspace: Workspace) -> None:
        """Raise :class:`InputError` where the weights can't be had, or fit neither their network nor the data set.

        What lies in the store already was found to fit.
        """
        if not all(self.done(workspace)):
            self._open(workspace)

    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        """Open the model and store its weights."""
        started = perf_counter()
        spec, given = self._given(workspace)
        weights = {name: tensor.clone() for name, tensor in self._open(workspace).state_dict().items()}
        dataset = workspace.dataset
        metadata = {
            "model": self.model,
            "paper": spec.paper,
            "seed": str(SEED),
            "given": given.network or spec.network,
            "dataset": workspace.study.dataset_name,
            "dataset_sha256": dataset.sha256,
            "input_shape": json.dumps(dataset.shape),
            "classes": str(dataset.classes),
        }
        if spec.network != GIVEN:
            metadata["network"] = json.dumps({**spec.layers, "given": {"weights": layout.weights(self.model, SEED)}})

        def write() -> None:
            save_weights(workspace.place, layout.weights(self.model, SEED), weights, metadata)

        self.finish(workspace, 0, as_arrays(weights), write, started=started)
        count = sum(tensor.numel() for tensor in weights.values())
        report(Progress(self.stage, self.key, 1, 1, self.unit, f"given: {count} weights"))

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        """Return the file of weights."""
        return {"weights": layout.weights(self.model, SEED)}

    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        """Return the weights."""
        return as_arrays(load_weights(workspace.place, layout.weights(self.model, SEED)))

    def prepare(self, workspace: Workspace) -> bool:
        """Drop the receipt, and what the training of another model under the same name left."""
        self.forget(workspace, 0)
        workspace.place.delete(layout.checkpoint(self.model, SEED))
        delete_group(workspace.place, layout.curve(self.model, SEED))
        stored.delete(workspace, self.model, SEED)
        return True

    def _given(self, workspace: Workspace) -> tuple[ModelSpec, GivenSpec]:
        spec = workspace.study.model(self.model)
        assert spec.given is not None  # for the type checker: no other model has such a job
        return spec, spec.given

    def _open(self, workspace: Workspace) -> nn.Module:
        dataset = workspace.dataset
        spec, _ = self._given(workspace)
        return open_given(spec, shape=dataset.shape, classes=dataset.classes, packages=workspace.networks)
