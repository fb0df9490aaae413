"""The jobs of the units stage: a model's layers, trained and as they began, and the pixels as if they were units."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.jobs.job import Job
from blindspots.jobs.stages.bounds import alexnet_hash, open_alexnet
from blindspots.jobs.stages.trainings import model_effort, trained_model, weights_hash
from blindspots.jobs.stages.unit_comparison import UnitComparison, all_images, images
from blindspots.jobs.workspace import Workspace
from blindspots.models.activations import activation_shape, activations, hidden_layers, layer_names, module_names
from blindspots.models.untrained import model_skeleton, untrained_known, untrained_model, without_weights
from blindspots.networks.known import NETWORKS
from blindspots.store import layout
from blindspots.study.bounds_spec import ALEXNET
from blindspots.study.study import Study
from blindspots.tables.units import PIXELS, seeds_of


@dataclass(frozen=True)
class ModelUnits(UnitComparison):
    """The layers of a model of the study, or of the AlexNet that is given for its bounds; trained, or as it began."""

    model: str
    seed: int
    trained: bool

    @property
    def key(self) -> str:
        """``units/<model>/seed-<seed>/<trained or untrained>``."""
        return layout.units(self.model, self.seed, trained=self.trained)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The model's training, and that of the model in whose features images are compared."""
        own = (layout.training_job(self.model, self.seed),) if self.trained and self.model != ALEXNET else ()
        return (*own, *super().inputs)

    def effort(self, study: Study) -> float:
        """Return the model's."""
        return float("inf") if self.model == ALEXNET else model_effort(study, self.model)

    def layers(self, workspace: Workspace) -> tuple[str, ...]:
        """Return those of the layers asked for that the model has, or all whose outputs are called activations."""
        return _layers(workspace, self.model)

    def check(self, workspace: Workspace) -> None:
        """Raise :class:`InputError` for a layer of no model, a model with none of them, and what hands on no units."""
        super().check(workspace)
        wanted, called = workspace.study.units.layers, f"the model {self.model}"
        of_any = {part for name in workspace.study.unit_models for part in module_names(_skeleton(workspace, name))}
        for layer in wanted:
            if layer not in of_any:
                _shape(workspace, self.model, layer)  # which says what there is instead
        if not self.layers(workspace):
            names = ", ".join(layer_names(_skeleton(workspace, self.model)))
            raise InputError(f"units.layers = {list(wanted)}: {called} has none of these; it has {names}")
        for layer in self.layers(workspace):
            shape = _shape(workspace, self.model, layer)
            if workspace.study.units.score == "maximum" and len(shape) < 2:
                raise InputError(
                    f"units.score = 'maximum': the layer {layer} of {called} hands on {shape}, no maps; take coordinate"
                )

    def content(self, workspace: Workspace) -> dict[str, Any] | None:
        """Return the weights' hash, or what the weights before training are drawn from."""
        if self.model == ALEXNET:
            weights = alexnet_hash(workspace.study.bounds)
            return None if weights is None else {"alexnet": weights, "trained": self.trained}
        spec = workspace.study.model(self.model)
        if not self.trained:
            return {"untrained": spec.layers, "initial": spec.initial, "model_seed": self.seed, "name": spec.name}
        found = weights_hash(workspace, self.model, self.seed)
        return None if found is None else {"weights": found, "network": spec.layers}

    def outputs(self, workspace: Workspace, layer: str, ids: np.ndarray) -> torch.Tensor:
        """Return what a layer of the model hands on."""
        model = self._model(workspace)
        return activations(model, layer, images(workspace, ids))

    def described(self) -> dict[str, Any]:
        """Return the model, its seed and whether it is trained."""
        return {"model": self.model, "seed": self.seed, "trained": int(self.trained)}

    def _model(self, workspace: Workspace) -> nn.Module:
        study, dataset = workspace.study, workspace.dataset
        if self.model == ALEXNET:
            opened = open_alexnet(study.bounds)
            if not self.trained:
                classes = None if opened.missing else dataset.classes
                return untrained_known(NETWORKS[opened.name], classes, seed=self.seed).to(workspace.device)
            return opened.model.to(workspace.device)
        if self.trained:
            return trained_model(workspace, self.model, self.seed)
        return untrained_model(
            study.model(self.model),
            shape=dataset.shape,
            classes=dataset.classes,
            seed=self.seed,
            packages=workspace.networks,
        ).to(workspace.device)


@dataclass(frozen=True)
class PixelUnits(UnitComparison):
    """The pixels, as if they were units: what a basis is worth without any network."""

    @property
    def key(self) -> str:
        """``units/pixels``."""
        return layout.pixel_units()

    def check(self, workspace: Workspace) -> None:
        """Raise :class:`InputError` where a model is called as the pixels are: its units would lie among theirs."""
        super().check(workspace)
        if PIXELS in workspace.study.unit_models:
            raise InputError(
                f"units: a model is called {PIXELS}, and that is kept for the images themselves; name it otherwise, or "
                "leave it out of units.models"
            )

    def maximum(self, workspace: Workspace) -> bool:
        """Return that pixels are no maps."""
        return False

    def layers(self, workspace: Workspace) -> tuple[str, ...]:
        """Return the one there is."""
        return (PIXELS,)

    def content(self, workspace: Workspace) -> dict[str, Any]:
        """Return nothing more than that they are pixels."""
        return {"pixels": True}

    def outputs(self, workspace: Workspace, layer: str, ids: np.ndarray) -> torch.Tensor:
        """Return the images."""
        return all_images(workspace, ids)

    def described(self) -> dict[str, Any]:
        """Return that there is no model."""
        return {"model": "", "seed": 0, "trained": 0}


@lru_cache(maxsize=16)
def _layers(workspace: Workspace, model: str) -> tuple[str, ...]:
    skeleton, spec = _skeleton(workspace, model), workspace.study.units
    if spec.layers:
        there = module_names(skeleton)
        return tuple(layer for layer in spec.layers if layer in there)
    least = 2 if spec.score == "maximum" else 1
    return tuple(layer for layer in hidden_layers(skeleton) if _dimensions(workspace, model, layer) >= least)


def _dimensions(workspace: Workspace, model: str, layer: str) -> int:
    """Return of how many dimensions a layer's outputs are; 0 for a layer that is used never or more than once."""
    try:
        return len(_shape(workspace, model, layer))
    except InputError:
        return 0


@lru_cache(maxsize=1024)
def _shape(workspace: Workspace, model: str, layer: str) -> tuple[int, ...]:
    called = f"the model {model}"
    return activation_shape(_skeleton(workspace, model), layer, workspace.dataset.shape, called=called)


@lru_cache(maxsize=16)
def _skeleton(workspace: Workspace, model: str) -> nn.Module:
    """Return a model's network with no weights in particular, to read its layers' names and shapes off it."""
    study, dataset = workspace.study, workspace.dataset
    if model == ALEXNET:
        opened = open_alexnet(study.bounds)
        return without_weights(lambda: NETWORKS[opened.name].make(None if opened.missing else dataset.classes))
    return model_skeleton(study.model(model), shape=dataset.shape, classes=dataset.classes, packages=workspace.networks)


def units(study: Study) -> Iterator[Job]:
    """Return the jobs of the models whose units are looked at, trained and untrained, and of the pixels."""
    spec = study.units
    if not spec.rotations:
        return
    features = spec.features or ""
    yield PixelUnits(features=features)
    for name in study.unit_models:
        for seed in seeds_of(study, name):
            yield ModelUnits(name, seed, trained=True, features=features)
            if spec.untrained:
                yield ModelUnits(name, seed, trained=False, features=features)
