"""The job of seeing what became of a way of training: its errors, least distortions, and who else its set misleads.

While a study trains on a part of the training images, what is left of them is held out, and that is looked at: so ways
are chosen without the test images. Where it trains on all, the test images are looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import xarray as xr

from blindspots.distortion import minimum_distortion
from blindspots.identity import identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.stages.dataset_job import DatasetJob
from blindspots.jobs.stages.trainings import weights_hash
from blindspots.jobs.workspace import Workspace
from blindspots.models.stored import stored_model
from blindspots.store import layout
from blindspots.study.recipes.recipe import compared
from blindspots.study.study import Study

ALGORITHM = 1
"""Raised with every change of a number."""

HELD_OUT, DISTORTED = 10_000, 500
"""Images looked at where some are held out, at most; and those of them to which least distortions are sought."""
_AT_ONCE = 1000
_MISREAD = "whether the image is misread"


@dataclass(frozen=True)
class HardeningResult(DatasetJob):
    """What one model of a comparison reads, beside the one with decay alone of the same seed."""

    stage: ClassVar[str] = "pools"
    unit: ClassVar[str] = "models"

    model: str
    alone: str
    """The model with decay alone."""
    seed: int

    @property
    def key(self) -> str:
        """``hardened/<model>/seed-<seed>``."""
        return layout.hardened(self.model, self.seed)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The trainings of both."""
        return tuple(dict.fromkeys(layout.training_job(name, self.seed) for name in (self.model, self.alone)))

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of both models' weights and of the images, or None while weights are missing."""
        found = [weights_hash(workspace, name, self.seed) for name in (self.model, self.alone)]
        if None in found:
            return None
        study = workspace.study
        return identity(
            stage="hardened",
            algorithm=ALGORITHM,
            weights=found,
            dataset=workspace.dataset.sha256,
            split=study.model(self.model).split,
            images=study.training.images,
            order=study.seed,
            device=workspace.device,
        )

    def draw(self, workspace: Workspace, hands: Hands) -> xr.Dataset:
        """Return the result."""
        split, ids, on = looked_at(workspace, self.model)
        own, alone = (_network(workspace, name, self.seed) for name in (self.model, self.alone))
        trained = workspace.examples(workspace.study.model(self.model).split, workspace.study.training.images)
        few = ids[:DISTORTED]
        images = workspace.dataset.images(split, few).to(workspace.device)
        labels = workspace.dataset.labels(split, few).to(workspace.device)
        found = minimum_distortion(own, images, labels, effort="fast")
        theirs = found if self.alone == self.model else minimum_distortion(alone, images, labels, effort="fast")
        with torch.no_grad():
            to_alone = alone(found.images).argmax(dim=1) != labels
            from_alone = own(theirs.images).argmax(dim=1) != labels
        training = misread(workspace, own, workspace.study.model(self.model).split, trained)
        return xr.Dataset(
            {
                "misread": ("example", misread(workspace, own, split, ids), {"long_name": _MISREAD}),
                "distortion": (
                    "distorted",
                    found.distortion.cpu().numpy(),
                    {"long_name": "least distortion found, nearest class", "units": "pixel value"},
                ),
                "lower_bound": (
                    "distorted",
                    found.lower_bound.cpu().numpy(),
                    {"long_name": "certified lower bound of the distortion", "units": "pixel value"},
                ),
                "to_alone": (
                    "distorted",
                    to_alone.cpu().numpy(),
                    {"long_name": "whether the model with decay alone misreads the distorted image"},
                ),
                "from_alone": (
                    "distorted",
                    from_alone.cpu().numpy(),
                    {"long_name": "whether this model misreads the image distorted for the one with decay alone"},
                ),
                "training_misread": ((), np.int64(training.sum()), {"long_name": "training images that are misread"}),
            },
            {"example": ids, "distorted": few},
            {"model": self.model, "alone": self.alone, "seed": self.seed, "on": on, "trained_on": len(trained)},
        )


def looked_at(workspace: Workspace, model: str) -> tuple[str, np.ndarray, str]:
    """Return the split and ids of the images that a model's errors are counted on, and what they are called."""
    study, split = workspace.study, workspace.study.model(model).split
    left = workspace.examples(split)[study.training.images :] if study.training.images else np.empty(0, np.int64)
    if len(left):
        return split, left[:HELD_OUT], "held-out"
    return "test", workspace.examples("test"), "test"


def misread(workspace: Workspace, network: torch.nn.Module, split: str, ids: np.ndarray) -> np.ndarray:
    """Return which of the images ``ids`` of a split a network misreads: (n,) bool."""
    found = []
    for part in np.array_split(ids, -(-len(ids) // _AT_ONCE)):
        images = workspace.dataset.images(split, part).to(workspace.device)
        with torch.no_grad():
            read = network(images).argmax(dim=1).cpu()
        found.append((read != workspace.dataset.labels(split, part)).numpy())
    return np.concatenate(found)


def _network(workspace: Workspace, model: str, seed: int) -> torch.nn.Module:
    """Return a model in evaluation mode; two are wanted at a time, so that none is kept."""
    network = stored_model(
        workspace.place, workspace.study, workspace.dataset, model, seed, networks=workspace.networks
    )
    return network.to(workspace.device)


def hardening_results(study: Study) -> Iterator[HardeningResult]:
    """Return a job for each seed of each model that is compared; none where nothing is."""
    for spec in compared(study):
        for seed in range(study.seeds):
            yield HardeningResult(spec.name, compared(study)[0].name, seed)
