"""The jobs of Figure 6: a linear detector on the features of one extractor, and pictures that it no longer detects."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import xarray as xr

from blindspots.datasets.class_names import class_label
from blindspots.detectors.detector import Detector, features_of
from blindspots.detectors.extractors import (
    Extractor,
    as_given,
    extractor,
    extractor_names,
    named_extractor,
    of_model,
)
from blindspots.detectors.linear import cross_validated, fit_linear, folds_of
from blindspots.detectors.ranking import area_under_curve
from blindspots.device import rows_at_once
from blindspots.distortion.search import minimum_distortion
from blindspots.errors import InputError
from blindspots.identity import identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Job
from blindspots.jobs.stages.bounds import alexnet_hash
from blindspots.jobs.stages.dataset_job import DatasetJob
from blindspots.jobs.stages.trainings import trained_model, weights_hash
from blindspots.jobs.workspace import Workspace
from blindspots.models.activations import last_linear
from blindspots.models.given import given_hash
from blindspots.models.untrained import model_skeleton
from blindspots.randomness import generator
from blindspots.store import layout
from blindspots.store.receipts import read_receipt
from blindspots.study.bounds_spec import ALEXNET
from blindspots.study.detector_spec import PIXELS, QUOCNET, DetectorSpec
from blindspots.study.study import Study
from blindspots.tables.detectors import mean_distortion

ALGORITHM = 3
"""Raised with every change of a score or of a distortion; the golden test says when."""

_SPLIT = "test"  # which every data set has
_ARRAYS = 8  # of images at least, in an extractor's pass


@dataclass(frozen=True)
class DetectorJob(DatasetJob):
    """A linear classifier on one extractor's features, by cross-validation, and its nearest adversarial examples."""

    stage: ClassVar[str] = "detectors"
    unit: ClassVar[str] = "detectors"

    extractor: str

    @property
    def key(self) -> str:
        """``detectors/<extractor>``."""
        return layout.detector(self.extractor)

    @property
    def inputs(self) -> tuple[str, ...]:
        """All of a QuocNet's stages, or a model's training, where the features are its own."""
        return self.reads

    reads: tuple[str, ...] = ()

    def check(self, workspace: Workspace) -> None:
        """Raise :class:`InputError` for a class that is not there, too few pictures, or weights that cannot be had."""
        spec, study, dataset = _spec(workspace), workspace.study, workspace.dataset
        try:
            folds_of(_positive(workspace), spec.folds, seed=study.seed)
        except InputError as error:
            raise InputError(f"{error}, or no detector: --set detector=null") from None
        if self.extractor in (PIXELS, QUOCNET):
            return
        if self._is_trained(study):
            last_linear(
                model_skeleton(
                    study.model(self.extractor),
                    shape=dataset.shape,
                    classes=dataset.classes,
                    packages=workspace.networks,
                )
            )
            return
        found = extractor(study, workspace.place, self.extractor, shape=dataset.shape)
        try:
            found.network(torch.zeros(1, *dataset.shape))
        except (RuntimeError, ValueError, InputError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"the extractor {self.extractor} takes no images of {dataset.shape}: {said}") from None

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of the pictures, the extractor and what is asked, or None while the extractor is missing."""
        features = self._features(workspace)
        if features is None:
            return None
        spec, study = _spec(workspace), workspace.study
        return identity(
            stage="detectors",
            algorithm=ALGORITHM,
            dataset=workspace.dataset.sha256,
            features=features,
            positive=sorted(_labels(workspace)),
            detector=spec.model_dump(mode="json", exclude={"what", "positive", "extractors", "models"}),
            seed=study.seed,
            device=workspace.device,
        )

    def draw(self, workspace: Workspace, hands: Hands) -> xr.Dataset:
        """Return every picture's score by a classifier of the others, and the pictures that are misled."""
        spec, study, dataset = _spec(workspace), workspace.study, workspace.dataset
        positive = _positive(workspace)
        used = self._opened(workspace)
        network = used.network.to(workspace.device)
        ids = dataset.ids(_SPLIT)
        batch = rows_at_once(int(np.prod(dataset.shape)), arrays=_ARRAYS, most=100)
        features: np.ndarray | None = None
        for start in range(0, len(ids), batch):
            images = used.sees(dataset.images(_SPLIT, ids[start : start + batch])).to(workspace.device)
            part = features_of(network, images, batch=batch).cpu().numpy()
            if features is None:  # held once: of pixels they are all the pictures
                features = np.empty((len(ids), part.shape[1]), part.dtype)
            features[start : start + batch] = part
        assert features is not None  # for the type checker: a split has pictures
        scores = cross_validated(features, positive, folds=spec.folds, decay=spec.decay, seed=study.seed)
        area = area_under_curve(scores, positive)
        linear = fit_linear(features, positive, decay=spec.decay)
        detected = ids[positive & (linear.scores(features) > 0)]
        order = generator(study.seed, "detected", self.extractor).permutation(len(detected))
        chosen = np.sort(detected[order[: spec.images]])
        model = Detector(network, linear).to(workspace.device).eval()
        misled = _misled(model, used.sees(dataset.images(_SPLIT, chosen)).to(workspace.device))
        return xr.Dataset(
            {
                "score": ("example", scores, _about("score by the classifier of the other folds")),
                "positive": ("example", positive, _about("whether it is one of the positive classes")),
                **misled,
            },
            {
                "example": ("example", ids, _about("index into the split test")),
                "misled": ("misled", chosen, _about("index into the split test of a picture that is misled")),
            },
            attrs={
                "extractor": self.extractor,
                "what": spec.what,
                "features": int(features.shape[1]),
                "area": area.area,
                "area_low": area.low,
                "area_high": area.high,
                "detected": len(detected),
                "dataset": study.dataset_name,
                "dataset_sha256": dataset.sha256,
            },
        )

    def said(self, drawn: xr.Dataset) -> str:
        """Return how well the pictures are told apart, and how many are misled how far."""
        area, low, high = (float(drawn.attrs[name]) for name in ("area", "area_low", "area_high"))
        right = int(drawn["success"].sum())
        return f"area under the curve {area:.3f} [{low:.3f}, {high:.3f}]; {right} of {drawn.sizes['misled']} misled" + (
            f", by {mean_distortion(drawn):.5f} in the mean" if right else ""
        )

    def _is_trained(self, study: Study) -> bool:
        """Tell whether the features are a model's of the study; AlexNet is given for other things."""
        return self.extractor in study.feature_models and self.extractor != ALEXNET

    def _opened(self, workspace: Workspace) -> Extractor:
        if self._is_trained(workspace.study):
            return of_model(trained_model(workspace, self.extractor, 0))
        return extractor(workspace.study, workspace.place, self.extractor, shape=workspace.dataset.shape)

    def _features(self, workspace: Workspace) -> dict[str, Any] | None:
        """Return what decides the features, or None while it is not there."""
        quocnet = workspace.study.quocnet
        if self.extractor == PIXELS:
            return {"pixels": None if quocnet is None else quocnet.shape.input_shape}
        if self.extractor == QUOCNET:
            contents = []
            for key in self.reads:
                receipt = read_receipt(workspace.place, layout.receipt(key, 0))
                if receipt is None:
                    return None
                contents.append(receipt.content)
            return {"quocnet": contents}
        if self._is_trained(workspace.study):
            weights = weights_hash(workspace, self.extractor, 0)
            return (
                None if weights is None else {"codes": weights, "network": workspace.study.model(self.extractor).layers}
            )
        if self.extractor in workspace.study.feature_models:
            of_alexnet = alexnet_hash(workspace.study.bounds)
            return None if of_alexnet is None else {"pool5": of_alexnet}
        wanted = named_extractor(workspace.study, self.extractor)
        found = given_hash(as_given(wanted))
        return None if found is None else {"weights": found, "network": wanted.network}


def _misled(model: Detector, images: torch.Tensor) -> dict[str, Any]:
    """Return what of ``images``, all read as positive, is no longer."""
    labels = torch.ones(len(images), dtype=torch.int64, device=images.device)
    dims = ("misled", "channel", "row", "column")[: images.dim()]
    if not len(images):
        empty = np.zeros(0)
        values = {"original": images.cpu().numpy(), "perturbation": images.cpu().numpy()}
        numbers = {"before": empty, "after": empty, "distortion": empty, "success": empty.astype(bool)}
    else:
        found = minimum_distortion(model, images, labels, rule="nearest")
        with torch.no_grad():
            before, after = (model(each)[:, 1].double().cpu().numpy() for each in (images, found.images))
        values = {"original": images.cpu().numpy(), "perturbation": found.perturbation.cpu().numpy()}
        numbers = {
            "before": before,
            "after": after,
            "distortion": found.distortion.cpu().numpy(),
            "success": found.success.cpu().numpy(),
        }
    meant = {
        "original": "the picture as the extractor sees it",
        "perturbation": "what is added to it",
        "before": "score of the original",
        "after": "score of what it becomes",
        "distortion": "root mean square of the change of a value",
        "success": "whether it is read as negative",
    }
    return {
        **{name: (dims, array, _about(meant[name], "pixel value")) for name, array in values.items()},
        **{name: ("misled", array, _about(meant[name])) for name, array in numbers.items()},
    }


def _about(long_name: str, units: str = "1") -> dict[str, str]:
    return {"long_name": long_name, "units": units}


def _spec(workspace: Workspace) -> DetectorSpec:
    spec = workspace.study.detector
    if spec is None:
        raise InputError(f"the study {workspace.study.name} has no detector; say of what with: --set detector.what=...")
    return spec


def _labels(workspace: Workspace) -> set[int]:
    return {class_label(workspace.dataset, named) for named in _spec(workspace).positive}


def _positive(workspace: Workspace) -> np.ndarray:
    found: np.ndarray = np.isin(workspace.dataset.labels(_SPLIT).numpy(), sorted(_labels(workspace)))
    return found


def detectors(study: Study) -> Iterator[Job]:
    """Return a job for each extractor of the study's detector; none where it has none."""
    stages = () if study.quocnet is None else range(1, len(study.quocnet.shape.shapes) + 1)
    for name in extractor_names(study):
        reads: tuple[str, ...] = ()
        if name == QUOCNET:
            reads = tuple(map(layout.quocnet_stage, stages))
        elif name in study.feature_models and name != ALEXNET:
            reads = (layout.training_job(name, 0),)
        yield DetectorJob(name, reads)
