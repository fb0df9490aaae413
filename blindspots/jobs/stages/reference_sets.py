"""The job of making one reference set: Gaussian noise, which belongs to no model."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from blindspots.jobs.job import Progress, Report
from blindspots.jobs.stages.example_set import EXAMPLE, ExampleSet, perturbation_variable
from blindspots.jobs.workspace import Workspace
from blindspots.names import NO_RULE, noise_name
from blindspots.perturbation.noise import clipped, gaussian_noise
from blindspots.store.arrays import Variable

ALGORITHM = 1
"""Raised with every change of the noise that changes a value; the golden test says when."""

_VARIABLES = {
    "example": EXAMPLE,
    "label": Variable("int16", "class in the data set"),
    "distortion": Variable("float64", "distortion: root mean square of the perturbation", "pixel value"),
}


@dataclass(frozen=True)
class NoiseSet(ExampleSet):
    """Gaussian noise of one standard deviation, as drawn or clipped so that the image stays in [0, 1]."""

    stddev: float
    clip: bool

    @property
    def name(self) -> str:
        """The set's name among the sources of ``transfer``."""
        return noise_name(self.stddev, self.clip)

    @property
    def key(self) -> str:
        """``references/<split>/<name>``."""
        return f"references/{self.split}/{self.name}"

    def limit(self, workspace: Workspace) -> int | None:
        """Return the most images in the set."""
        return workspace.study.examples(NO_RULE)

    def variables(self, workspace: Workspace) -> Mapping[str, Variable]:
        """Return perturbation, label and distortion."""
        return {"perturbation": perturbation_variable(workspace), **_VARIABLES}

    def content(self, workspace: Workspace) -> dict[str, Any]:
        """Return the standard deviation, the clipping and the seed."""
        return {
            "stage": "noise",
            "algorithm": ALGORITHM,
            "stddev": self.stddev,
            "clip": self.clip,
            "seed": workspace.study.seed,
        }

    def attributes(self, workspace: Workspace) -> dict[str, Any]:
        """Return what the set is of."""
        return {
            "split": self.split,
            "stddev": self.stddev,
            "clipped": self.clip,
            "dataset": workspace.study.dataset,
            "dataset_sha256": workspace.dataset.sha256,
            "tables": "Tables 2 and 4, Figure 7",
        }

    def compute(self, workspace: Workspace, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Draw the noise of the examples ``ids``."""
        images = workspace.dataset.images(self.split, ids)
        noise = gaussian_noise(
            tuple(images.shape), stddev=self.stddev, seed=workspace.study.seed, examples=ids, split=self.split
        )
        if self.clip:
            noise = clipped(images, noise)
        flat = noise.double().flatten(1)
        return {
            "perturbation": noise.numpy(),
            "example": ids,
            "label": workspace.dataset.labels(self.split, ids).numpy(),
            "distortion": flat.square().mean(dim=1).sqrt().numpy(),
        }

    def run(self, workspace: Workspace, shard: int, report: Report) -> None:
        """Make one shard of the set and store it."""
        started = perf_counter()
        ids = self.ids(workspace, shard)
        arrays = self.compute(workspace, ids)
        self.store(workspace, shard, arrays, started)
        report(Progress(self.stage, self.key, len(ids), len(ids), self.unit))
