"""The job of proving least distortions: one model's, image by image, over the beginning of its nearest set."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.jobs.stages.beginnings import BeginningOfNearest
from blindspots.jobs.stages.example_set import EXAMPLE
from blindspots.jobs.stages.trainings import trained_model, weights_hash
from blindspots.jobs.workspace import Workspace
from blindspots.names import NEAREST
from blindspots.store import layout
from blindspots.store.arrays import Variable, read_rows
from blindspots.study.model_spec import GIVEN
from blindspots.study.study import Study

if TYPE_CHECKING:
    from blindspots.spectral.proof.certificate import Certified

logger = logging.getLogger(__name__)

ALGORITHM = 2
"""Raised with every change of what is proved of sigmoid networks; the golden test says when."""
_FEWER, _ROWS = 4, 10
_OF_LAYERS = ("example", "lower_bound", "clean_predicted", "label")
Way = Literal["local", "relaxation", "exact", "auto"]
"""Methods of :func:`.certified_radius`."""
PROOFS = ("product", "local", "relaxation")
"""What may have proved something of a given network: the product of its layers' bounds, or one near the image."""
_BY = Variable("int8", "what proved it", attributes={"flag_values": [0, 1, 2], "flag_meanings": " ".join(PROOFS)})
RELAXED_ALGORITHM = 2
"""Raised with every change of what is proved of networks of rectifiers; the golden test says when."""


@dataclass(frozen=True)
class Certificates(BeginningOfNearest):
    """Certified distortions of one network, beside the least that was found.

    Of a sigmoid network by how it bends near an image, for the function that its weights define over the reals; of one
    of rectifiers by its relaxation, and by branch and bound where the study asks for that, for the network as
    evaluated in its own dtype. A given network, which may be any, by what applies to it; where neither does, by the
    product of its layers' bounds, as in its sets.
    """

    stage: ClassVar[str] = "bounds"

    @property
    def key(self) -> str:
        """``certified/<model>/seed-<seed>``."""
        return layout.certified(self.model, self.seed)

    def images(self, workspace: Workspace) -> int:
        """Return how many images are looked at: of networks of rectifiers, which take longer, a quarter as many."""
        images = workspace.study.bounds.certified
        return images if self.method(workspace.study) == "local" else -(-images // _FEWER)

    def rows(self, workspace: Workspace) -> int:
        """Return how many images a shard has, at the most: few, since an image takes seconds, which a kill loses."""
        return min(super().rows(workspace), _ROWS)

    def variables(self, workspace: Workspace) -> Mapping[str, Variable]:
        """Return what was found and what is proved, image by image."""
        return {
            "example": EXAMPLE,
            "found": Variable("float64", "least distortion found, from the nearest set; NaN without", "pixel value"),
            "certified": Variable(
                "float64", "no image within [0, 1] at a smaller distortion is misread: proved", "pixel value"
            ),
            "read": Variable("bool", "read as its label"),
            **({"by": _BY} if self.method(workspace.study) == "auto" else {}),
        }

    def content(self, workspace: Workspace) -> dict[str, Any] | None:
        """Return the weights' hash."""
        weights = weights_hash(workspace, self.model, self.seed)
        if weights is None:
            return None
        network = workspace.study.model(self.model).layers
        content = {"stage": "certificates", "algorithm": ALGORITHM, "weights": weights, "network": network}
        if self.method(workspace.study) != "local":
            content |= {"algorithm": RELAXED_ALGORITHM, "method": self.method(workspace.study)}
        if self.method(workspace.study) == "exact":
            content["parts"] = workspace.study.bounds.parts
        return content

    def method(self, study: Study) -> Way:
        """Return what proves: of a given network, which may be any, what applies to it."""
        spec = study.model(self.model)
        if spec.network == GIVEN:
            return "auto"
        if spec.sigmoid:
            return "local"
        return "exact" if study.bounds.parts else "relaxation"

    def reads(self, study: Study) -> tuple[str, ...]:
        """Return also what the layers' bounds prove, where that is taken for want of anything sharper."""
        more = tuple(name for name in _OF_LAYERS if name != "example") if self.method(study) == "auto" else ()
        return (*super().reads(study), *more)

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
        model = trained_model(workspace, self.model, self.seed)
        images = workspace.dataset.images(self.split, ids).to(workspace.device)
        labels = workspace.dataset.labels(self.split, ids).to(workspace.device)
        known = {"example": ids, "found": self.leasts(workspace, ids)}
        method = self.method(workspace.study)
        if method == "auto":
            proved = sharpest(model, images, labels)
            if proved is None:
                return known | self._by_layers(workspace, ids) | {"by": np.zeros(len(ids), np.int8)}
            known["by"] = np.full(len(ids), PROOFS.index(proved.method), np.int8)
        else:
            proved = _proved(model, images, labels, method, parts=workspace.study.bounds.parts)
        return known | {
            "certified": proved.distortion.cpu().numpy(),
            "read": (proved.margin > 0).cpu().numpy(),
        }

    def _by_layers(self, workspace: Workspace, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Return what the layers' bounds prove, which the nearest set has: 0 where they prove nothing."""
        stored = read_rows(workspace.place, self.nearest.key, _OF_LAYERS)
        places = {int(example): place for place, example in enumerate(stored["example"])}
        rows = [places[int(example)] for example in ids]
        read = stored["clean_predicted"][rows] == stored["label"][rows]
        return {"certified": np.where(read, np.nan_to_num(stored["lower_bound"][rows], nan=0.0), 0.0), "read": read}

    def said(self, workspace: Workspace, shard: int, arrays: Mapping[str, np.ndarray]) -> str:
        """Return how near what is proved comes to what was found."""
        counted = arrays["read"] & np.isfinite(arrays["found"])
        ratio = float(np.mean(arrays["certified"][counted] / arrays["found"][counted])) if counted.any() else np.nan
        layers = "" if arrays.get("by", np.ones(1)).all() else ", by the product of its layers' bounds"
        return f"shard {shard}: certified over found {ratio:.4f} in the mean{layers}"


def sharpest(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> "Certified | None":
    """Return the sharpest proof there is of any network's images; None, and a warning that says why, without one."""
    try:
        return _proved(model, images, labels, "local")
    except InputError:
        pass
    try:
        return _proved(model, images, labels, "auto")
    except InputError as reason:
        logger.warning("nothing is proved near images, and the product of the layers' bounds stands in: %s", reason)
        return None


def _proved(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, method: Way, *, parts: int = 0
) -> "Certified":
    from blindspots.spectral.proof.certificate import certified_radius

    arithmetic: Literal["real", "own"] = "real" if method == "local" else "own"
    return certified_radius(model, images, labels, method=method, arithmetic=arithmetic, parts=max(parts, 1))


def certificates(study: Study) -> Iterator[Certificates]:
    """Return a job for each network and seed; none where no images or nearest sets are asked for."""
    if not study.bounds.certified or NEAREST not in study.sets.rules:
        return
    for spec in study.models:
        for seed in range(study.seeds):
            yield Certificates(split=study.splits(spec)[0], model=spec.name, seed=seed)
