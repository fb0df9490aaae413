"""The job of proving least distortions: one model's, image by image, over the beginning of its nearest set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from blindspots.jobs.stages.beginnings import NEAREST, BeginningOfNearest
from blindspots.jobs.stages.example_set import EXAMPLE
from blindspots.jobs.stages.trainings import trained_model, weights_hash
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.arrays import Variable
from blindspots.study.study import Study

ALGORITHM = 1
"""Raised with every change of what is proved of sigmoid networks; the golden test says when."""
_FEWER = 4
RELAXED_ALGORITHM = 1
"""Raised with every change of what is proved of networks of rectifiers; the golden test says when."""


@dataclass(frozen=True)
class Certificates(BeginningOfNearest):
    """Certified distortions of one network, beside the least that was found.

    Of a sigmoid network by how it bends near an image, for the function that its weights define over the reals; of one
    of rectifiers by its relaxation, for the network as evaluated in its own dtype.
    """

    stage: ClassVar[str] = "bounds"
    at_once: ClassVar[int | None] = 10

    @property
    def key(self) -> str:
        """``certified/<model>/seed-<seed>``."""
        return layout.certified(self.model, self.seed)

    def images(self, workspace: Workspace) -> int:
        """Return how many images are looked at: of networks of rectifiers, which take longer, a quarter as many."""
        images = workspace.study.bounds.certified
        return images if self.method(workspace.study) == "local" else -(-images // _FEWER)

    def variables(self, workspace: Workspace) -> Mapping[str, Variable]:
        """Return what was found and what is proved, image by image."""
        return {
            "example": EXAMPLE,
            "found": Variable("float64", "least distortion found, from the nearest set; NaN without", "pixel value"),
            "certified": Variable(
                "float64", "no image within [0, 1] at a smaller distortion is misread: proved", "pixel value"
            ),
            "read": Variable("bool", "read as its label"),
        }

    def content(self, workspace: Workspace) -> dict[str, Any] | None:
        """Return the weights' hash."""
        weights = weights_hash(workspace, self.model, self.seed)
        if weights is None:
            return None
        network = workspace.study.model(self.model).layers
        content = {"stage": "certificates", "algorithm": ALGORITHM, "weights": weights, "network": network}
        if self.method(workspace.study) == "relaxation":
            content |= {"algorithm": RELAXED_ALGORITHM, "method": "relaxation"}
        return content

    def method(self, study: Study) -> Literal["local", "relaxation"]:
        """Return what proves."""
        return "local" if study.model(self.model).sigmoid else "relaxation"

    def attributes(self, workspace: Workspace) -> dict[str, Any]:
        """Return what is proved."""
        return {
            "model": self.model,
            "seed": self.seed,
            "split": self.split,
            "rule": NEAREST,
            "method": self.method(workspace.study),
            "dataset": workspace.study.dataset_name,
            "dataset_sha256": workspace.dataset.sha256,
        }

    def compute(self, workspace: Workspace, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Prove what can be proved of the examples ``ids``."""
        from blindspots.spectral.proof.certificate import certified_radius

        method = self.method(workspace.study)
        found = certified_radius(
            trained_model(workspace, self.model, self.seed),
            workspace.dataset.images(self.split, ids).to(workspace.device),
            workspace.dataset.labels(self.split, ids).to(workspace.device),
            method=method,
            arithmetic="own" if method == "relaxation" else "real",
        )
        return {
            "example": ids,
            "found": self.leasts(workspace, ids),
            "certified": found.distortion.cpu().numpy(),
            "read": (found.margin > 0).cpu().numpy(),
        }

    def said(self, workspace: Workspace, shard: int, arrays: Mapping[str, np.ndarray]) -> str:
        """Return how near what is proved comes to what was found."""
        counted = arrays["read"] & np.isfinite(arrays["found"])
        ratio = float(np.mean(arrays["certified"][counted] / arrays["found"][counted])) if counted.any() else np.nan
        return f"shard {shard}: certified over found {ratio:.4f} in the mean"


def certificates(study: Study) -> Iterator[Certificates]:
    """Return a job for each network that can be certified, and seed; none where no images or nearest sets are asked."""
    if not study.bounds.certified or NEAREST not in study.sets.rules:
        return
    for spec in study.models:
        if spec.certifiable:
            for seed in range(study.seeds):
                yield Certificates(split=study.splits(spec)[0], model=spec.name, seed=seed)
