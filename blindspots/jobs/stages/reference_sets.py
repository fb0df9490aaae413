"""The job of making one reference set: Gaussian noise, which belongs to no model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blindspots.jobs.stages.example_set import EXAMPLE, ExampleSet, perturbation_variable
from blindspots.jobs.workspace import Workspace
from blindspots.names import NO_RULE, noise_name
from blindspots.perturbation.noise import clipped, gaussian_noise
from blindspots.store import layout
from blindspots.store.arrays import Variable
from blindspots.study.study import Study

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
        return layout.reference_set(self.split, self.name)

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
            "dataset": workspace.study.dataset_name,
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


def noise_sets(study: Study) -> Iterator[NoiseSet]:
    """Return a job for each split, standard deviation, and way of clipping."""
    for split in study.distorted_splits:
        for stddev in study.sets.noise:
            for clip in (False, True):
                yield NoiseSet(split=split, stddev=stddev, clip=clip)
