"""The job of making one adversarial set: the least distortions of a model's images under one rule."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from blindspots.distortion.drawing_back import FROM_CLASSES
from blindspots.distortion.methods import Effort, Lbfgs, Method, method_of
from blindspots.distortion.result import MinimumDistortion
from blindspots.distortion.search import minimum_distortion
from blindspots.errors import InputError
from blindspots.identity import identity
from blindspots.jobs.stages.example_set import EXAMPLE, ExampleSet, perturbation_variable
from blindspots.jobs.stages.trainings import model_effort, trained_model, weights_hash
from blindspots.jobs.workspace import Workspace
from blindspots.perturbation.eight_bits import survives_eight_bits
from blindspots.store import layout
from blindspots.store.arrays import Variable
from blindspots.study.model_spec import GIVEN, HALVES, ModelSpec
from blindspots.study.sets_spec import PENALISED, VALUES
from blindspots.study.study import Study

ALGORITHM = 9
"""Raised with every change of the search that changes a value; the golden test says when."""
AMONG_MANY = 1
"""Raised with every change that does so in models of more than ten classes alone."""
OF_GIVEN = 1
"""Raised with every change that does so in given models alone, which may be any."""

_VARIABLES = {
    "example": EXAMPLE,
    "label": Variable("int16", "class in the data set"),
    "target": Variable("int16", "class that the distorted image was to be read as; under nearest, the one reached"),
    "predicted": Variable("int16", "class that the model reads in float32(image + perturbation)"),
    "clean_predicted": Variable("int16", "class that the model reads in the image"),
    "distortion": Variable("float64", "distortion: root mean square of the perturbation", "pixel value"),
    "success": Variable("bool", "the distorted image is misread (nearest) or read as the target (other rules)"),
    "lower_bound": Variable("float64", "certified lower bound of the least distortion", "pixel value"),
    "exact": Variable("float64", "exact least distortion, known for linear models", "pixel value"),
    "survives_eight_bits": Variable("bool", "success is left when the distorted image is rounded to 8 bits a value"),
    "iterations": Variable("int32", "iterations of the search"),
    "evaluations": Variable("int32", "forward passes of the model"),
    "gradients": Variable("int32", "backward passes of the model"),
}

_COMPARED = ("perturbation", "predicted", "distortion", "success")
"""What is read of the sets beside."""


@dataclass(frozen=True)
class AdversarialSet(ExampleSet):
    """The adversarial set of one model, split and rule."""

    model: str
    seed: int
    rule: str
    beside: tuple[str, ...] = ()
    """Under nearest, the other rules of the study: where one's set of the same images has a nearer point, it is taken.
    A search towards one class may end nearer than the search among all, and what is known must not be lost."""

    @property
    def key(self) -> str:
        """``sets/<model>/seed-<seed>/<split>/<rule>``."""
        return layout.adversarial_set(self.model, self.seed, self.split, self.rule)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The model's training, and the sets beside."""
        return (layout.training_job(self.model, self.seed), *(job.key for job in self._sets_beside))

    @property
    def _sets_beside(self) -> tuple["AdversarialSet", ...]:
        return tuple(replace(self, rule=rule, beside=()) for rule in self.beside)

    def check(self, workspace: Workspace) -> None:
        """Raise :class:`InputError` where the rule is a class that the data set has not."""
        found = re.fullmatch(r"class-(\d+)", self.rule)
        classes = workspace.dataset.classes
        if found and int(found[1]) >= classes:
            raise InputError(
                f"sets.rules = {self.rule!r}: {workspace.dataset.name} has {classes} classes, class-0 to "
                f"class-{classes - 1}"
            )

    def effort(self, study: Study) -> float:
        """Return the model's."""
        return model_effort(study, self.model)

    def limit(self, workspace: Workspace) -> int | None:
        """Return the most images in the set."""
        return workspace.study.examples(self.rule, workspace.study.model(self.model))

    def variables(self, workspace: Workspace) -> Mapping[str, Variable]:
        """Return perturbation, classes, distortion and its bounds, and the effort."""
        return {"perturbation": perturbation_variable(workspace), **_VARIABLES}

    def content(self, workspace: Workspace) -> dict[str, Any] | None:
        """Return the weights' hash and the rule, with its seed where it draws."""
        weights = weights_hash(workspace, self.model, self.seed)
        if weights is None:
            return None
        method = workspace.study.method(self.rule)
        effort, values = self._effort(workspace), self._c_values(workspace)
        many = method == "auto" and workspace.dataset.classes >= FROM_CLASSES
        spec = workspace.study.model(self.model)
        return {
            "stage": "set",
            "algorithm": ALGORITHM,
            "weights": weights,
            "layers": spec.layers,
            "rule": self.rule,
            "method": method,
            **({"among_many": AMONG_MANY} if many else {}),
            **({"of_given": OF_GIVEN} if spec.network == GIVEN else {}),
            **({} if effort in (None, "usual") else {"effort": effort}),
            **({} if values in (None, VALUES) else {"c_values": values}),
            "seed": workspace.study.seed if self.rule == "random" else None,
        }

    def _of_shard(self, workspace: Workspace, whole: str | None, shard: int) -> str | None:
        """Return the hash of the work, and of the shards beside as far as there are any."""
        own = super()._of_shard(workspace, whole, shard)
        receipts = {
            job.rule: job.receipt(workspace, shard)
            for job in self._sets_beside
            if shard < job.shards(workspace)  # a set with a target may be of fewer images
        }
        if own is None or not receipts:
            return own
        read = {
            rule: {name: receipt.arrays.get(name) for name in _COMPARED}
            for rule, receipt in receipts.items()
            if receipt is not None
        }
        return identity(set=own, beside=read) if len(read) == len(receipts) else None

    def _effort(self, workspace: Workspace) -> Effort | None:
        """Return how much the search tries; None for methods that know no effort."""
        sets = workspace.study.sets
        return sets.effort if workspace.study.method(self.rule) == "auto" else None

    def _c_values(self, workspace: Workspace) -> int | None:
        """Return how many values of c the search tries; None for methods that search none."""
        return workspace.study.sets.c_values if workspace.study.method(self.rule) in PENALISED else None

    def _method(self, workspace: Workspace) -> str | Method:
        """Return how the search goes about it."""
        name, values = workspace.study.method(self.rule), self._c_values(workspace)
        method = method_of(name)
        return replace(method, values=values) if isinstance(method, Lbfgs) and values is not None else name

    def attributes(self, workspace: Workspace) -> dict[str, Any]:
        """Return what the set is of."""
        effort, values = self._effort(workspace), self._c_values(workspace)
        return {
            "model": self.model,
            "paper": workspace.study.model(self.model).paper,
            "seed": self.seed,
            "split": self.split,
            "rule": self.rule,
            "method": workspace.study.method(self.rule),
            **({} if effort is None else {"effort": effort}),
            **({} if values in (None, VALUES) else {"c_values": values}),
            **({"beside": list(self.beside)} if self.beside else {}),
            "dataset": workspace.study.dataset_name,
            "dataset_sha256": workspace.dataset.sha256,
            "tables": "Tables 3 and 4" if workspace.study.model(self.model).split in HALVES else "Tables 1 and 2",
        }

    def compute(self, workspace: Workspace, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Search the least distortions of the examples ``ids``, in one batch."""
        model = trained_model(workspace, self.model, self.seed)
        images = workspace.dataset.images(self.split, ids).to(workspace.device)
        labels = workspace.dataset.labels(self.split, ids).to(workspace.device)
        found = minimum_distortion(
            model,
            images,
            labels,
            rule=self.rule,
            method=self._method(workspace),
            effort=self._effort(workspace),
            seed=workspace.study.seed,
            examples=ids,
            split=self.split,
        )
        found = self._with_those_beside(workspace, ids, found, images=images, labels=labels)
        sought = found.success.nonzero()[:, 0]
        survives = torch.zeros_like(found.success)
        if len(sought):
            goals = None if self.rule == "nearest" else found.target[sought]
            survives[sought] = survives_eight_bits(model, found.images[sought], labels[sought], targets=goals)
        return {
            "perturbation": found.perturbation.cpu().numpy(),
            "example": ids,
            "label": labels.cpu().numpy(),
            "target": found.target.cpu().numpy(),
            "predicted": found.predicted.cpu().numpy(),
            "clean_predicted": found.clean_predicted.cpu().numpy(),
            "distortion": found.distortion.cpu().numpy(),
            "success": found.success.cpu().numpy(),
            "lower_bound": found.lower_bound.cpu().numpy(),
            "exact": found.exact.cpu().numpy(),
            "survives_eight_bits": survives.cpu().numpy(),
            "iterations": found.iterations.cpu().numpy(),
            "evaluations": found.forwards.cpu().numpy(),
            "gradients": found.backwards.cpu().numpy(),
        }

    def _with_those_beside(
        self,
        workspace: Workspace,
        ids: np.ndarray,
        found: MinimumDistortion,
        *,
        images: torch.Tensor,
        labels: torch.Tensor,
    ) -> MinimumDistortion:
        """Return what was found for one shard of examples ``ids``, with the nearer points of the sets beside."""
        for job in self._sets_beside:
            shard = int(np.flatnonzero(self.ids(workspace) == ids[0])[0]) // workspace.study.sets.shard
            if shard < job.shards(workspace):  # both sets are beginnings of the same examples
                stored = job.read_as_made(workspace, shard, _COMPARED)
                found = _nearer_of(found, stored, images=images, labels=labels)
        return found

    def said(self, workspace: Workspace, shard: int, arrays: Mapping[str, np.ndarray]) -> str:
        """Return the shard's mean distortion, over the searches that succeeded, and how many did."""
        success = arrays["success"].astype(bool)
        mean = f"mean distortion {arrays['distortion'][success].mean():.4f}, " if success.any() else ""
        return f"shard {shard}: {mean}success {success.sum()} of {len(success)}"


def _nearer_of(
    found: MinimumDistortion, stored: Mapping[str, np.ndarray], *, images: torch.Tensor, labels: torch.Tensor
) -> MinimumDistortion:
    """Return what was found with the stored points of the first images in its place where those are nearer.

    What the search took, and what is proved, stays what it is.
    """
    count = len(stored["success"])
    device = labels.device
    change = torch.from_numpy(stored["perturbation"]).to(device)
    read = torch.from_numpy(stored["predicted"]).to(device).long()
    size = torch.from_numpy(stored["distortion"]).to(device)
    held = torch.where(found.success, found.distortion, torch.inf)[:count]
    misread = torch.from_numpy(stored["success"]).to(device) & (read != labels[:count])
    nearer = (misread & (size < held)).nonzero()[:, 0]
    if not len(nearer):
        return found
    whole: dict[str, torch.Tensor] = {
        "images": (images[:count] + change)[nearer],
        "perturbation": change[nearer],
        "distortion": size[nearer],
        "success": torch.ones_like(misread[nearer]),
        "target": read[nearer],
        "predicted": read[nearer],
    }
    return replace(found, **{name: getattr(found, name).index_copy(0, nearer, new) for name, new in whole.items()})


def adversarial_sets(study: Study) -> Iterator[AdversarialSet]:
    """Return a job for each model, seed, split and rule."""
    for spec in study.models:
        for seed in range(study.seeds):
            yield from sets_of(study, spec, seed)


def sets_of(study: Study, spec: ModelSpec, seed: int) -> Iterator[AdversarialSet]:
    """Return the jobs of one model's sets."""
    for split in study.splits(spec):
        for rule in study.sets.rules:
            # a method asked for by name stays what it is
            held = rule == "nearest" and study.method(rule) == "auto"
            beside = tuple(other for other in study.sets.rules if held and other != rule)
            yield AdversarialSet(split=split, model=spec.name, seed=seed, rule=rule, beside=beside)
