"""The job of training one model from one seed."""

import json
from dataclasses import dataclass
from math import prod
from time import perf_counter
from typing import ClassVar

import numpy as np
import torch

from blindspots.errors import InputError
from blindspots.identity import arrays_hash, identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.hardening import stored
from blindspots.jobs.job import Job, Progress, Report
from blindspots.jobs.kept import Kept
from blindspots.jobs.workspace import Workspace
from blindspots.models.stored import stored_model
from blindspots.store import layout
from blindspots.store.arrays import (
    CorruptShardError,
    Variable,
    create_group,
    delete_group,
    read_shard,
    shard_files,
    write_shard,
)
from blindspots.store.fitting import fit_whole, read_document
from blindspots.store.receipts import read_receipt
from blindspots.store.weights import as_arrays, known_metadata, load_weights, save_weights
from blindspots.study.study import Study
from blindspots.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from blindspots.training.hardening.refreshing import Refresher, Telling
from blindspots.training.lbfgs import DivergedError
from blindspots.training.phases import AUTOENCODER, MINIBATCHES, PHASES, Step, longest, train

ALGORITHM = 2
"""Raised with every change of the training that changes a weight; the golden test says when."""

_LINE_EVERY = 10
_PACE = 5.0
"""Seconds between checkpoints of a model with pools at least, which are large; all of it is in each."""
_VALUES, _CLASSES = 1000, 10  # of any data: what counts is how models compare on the same
_LONGER = 10**9  # more weights than any fully connected network here: autoencoders and convolutions take longest
WEIGHTS = "weights"
"""The name of the file of weights in a receipt, and the beginning of their tensors' names."""
_MOST_BYTES = 64 * 2**20
"""Of the models that a process keeps: a set is shown to one after another."""
_NOT_TRAINED = {"name", "paper", "examples"}
"""Fields of a model that its weights do not depend on."""
_ENDS = {
    "converged": "converged",
    "iterations": "the limit of iterations",
    "epochs": "all epochs",
    "stalled": "no further progress",
}

_models: Kept[torch.nn.Module] = Kept(_MOST_BYTES)
_FLAGS = {"flag_values": list(range(len(PHASES))), "flag_meanings": " ".join(PHASES)}

CURVE = {
    "loss": Variable("float64", "mean cross-entropy plus weight decay", "nat"),
    "error": Variable("float64", "share of the training images that are misread"),
    "gradient_norm": Variable("float64", "Euclidean norm of the loss's gradient; NaN for minibatches"),
    "evaluations": Variable("int64", "evaluations of loss and gradient in the phase so far; steps for minibatches"),
    "iteration": Variable("int64", "iteration of L-BFGS, or epoch of minibatches"),
    "phase": Variable("int8", "phase of the training", attributes=_FLAGS),
}


@dataclass(frozen=True)
class TrainingJob(Job):
    """Train a model of the study from the initial weights of one seed."""

    stage: ClassVar[str] = "train"
    unit: ClassVar[str] = "iterations"
    counted_as: ClassVar[str] = "models"

    model: str
    seed: int

    @property
    def key(self) -> str:
        """``models/<model>/seed-<seed>``."""
        return layout.training_job(self.model, self.seed)

    @property
    def curve(self) -> str:
        """The group of the training curve."""
        return layout.curve(self.model, self.seed)

    @property
    def kept(self) -> str:
        """The file of the checkpoint."""
        return layout.checkpoint(self.model, self.seed)

    def check(self, workspace: Workspace) -> None:
        """Raise :class:`InputError` where the pools of a model do not fit the images that it is trained on."""
        spec = workspace.study.model(self.model)
        if spec.pools is None:
            return
        images = len(workspace.examples(spec.split, workspace.study.training.images))
        if spec.pools.size > images:
            raise InputError(
                f"models.{self.model}.pools.size = {spec.pools.size}: the model is trained on {images} images; give at "
                "most that"
            )
        if 0 in spec.pools.layers:
            try:
                spec.pools.check_reach(0, prod(workspace.dataset.shape))
            except ValueError as error:
                raise InputError(f"models.{self.model}: {error}") from None

    def size(self, workspace: Workspace, shard: int) -> int:
        """Return the most iterations and epochs that the training may take."""
        return longest(workspace.study.model(self.model), workspace.study.training)

    def images_a_unit(self, workspace: Workspace) -> int:
        """Return how many images the model is trained on."""
        ids = workspace.examples(workspace.study.model(self.model).split)
        return len(ids[: workspace.study.training.images])

    def identity(self, workspace: Workspace, shard: int) -> str:
        """Return the hash of the data, the network, how it is trained, and the seeds."""
        study = workspace.study
        return identity(
            stage="training",
            algorithm=ALGORITHM,
            dataset=workspace.dataset.sha256,
            network=study.model(self.model).model_dump(mode="json", exclude=_NOT_TRAINED),
            training=study.training.part_for(study.model(self.model)),
            order=study.seed,
            seed=self.seed,
            dtype="float32",
            device=workspace.device,
        )

    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        """Train, and store weights and curve."""
        self._train(workspace, report)

    def _train(self, workspace: Workspace, report: Report, maker: Refresher | None = None) -> None:
        """Train from the last checkpoint on, if there is one of this very work, and store weights, curve and pools.

        ``maker``: of what goes into the pools of the model; None for the process that trains it.
        """
        started = perf_counter()
        study, place = workspace.study, workspace.place
        spec = study.model(self.model)
        wanted = self.identity(workspace, 0)
        ids = workspace.examples(spec.split, study.training.images)
        checkpoint = read_checkpoint(place, self.kept, identity=wanted)
        if checkpoint is not None:
            line = f"goes on from iteration {checkpoint.iterations}"
            report(Progress(self.stage, self.key, checkpoint.iterations, self.size(workspace, 0), self.unit, line))

        def say(step: Step) -> None:
            told = step.iteration == 1 or step.iteration % _LINE_EVERY == 0 or step.phase == MINIBATCHES
            what = "epoch" if step.phase == MINIBATCHES else "iteration"
            error = "" if step.phase == AUTOENCODER else f", error {100 * step.error:.2f}%"
            line = f"{PHASES[step.phase]}: {what} {step.iteration}, loss {step.loss:.5f}{error}" if told else ""
            if told and step.ages:
                line += f", pools {', '.join(f'{age:.1f}' for age in step.ages.values())} rounds old"
            if told and isinstance(maker, Telling):
                line += f", {maker.told()}"
            report(Progress(self.stage, self.key, step.iteration, self.size(workspace, 0), self.unit, line))

        segments = train(
            spec,
            study.training,
            workspace.dataset.images(spec.split, ids).to(workspace.device),
            workspace.dataset.labels(spec.split, ids).to(workspace.device),
            seed=self.seed,
            classes=workspace.dataset.classes,
            checkpoint=checkpoint,
            on_step=say,
            refresher=maker,
        )
        at, due = 0 if checkpoint is None else checkpoint.iterations, 0.0
        try:
            for checkpoint in segments:
                if not checkpoint.finished and perf_counter() >= due:
                    write_checkpoint(place, self.kept, checkpoint, identity=wanted)
                    at, due = checkpoint.iterations, perf_counter() + (_PACE if spec.pools else 0)
        except DivergedError as error:
            left = f"the checkpoint of iteration {at} is kept" if place.has(self.kept) else "there is no checkpoint yet"
            raise DivergedError(f"{self.key}: the training diverged, {error}; {left}") from None
        if checkpoint is None or not checkpoint.finished:
            raise RuntimeError(f"the training of {self.key} ended without an end")
        self._store(workspace, checkpoint, ids, started)
        place.delete(self.kept)
        size = self.size(workspace, 0)
        line = f"done after {checkpoint.iterations} iterations: {_ENDS[checkpoint.reason]}"
        report(Progress(self.stage, self.key, size, size, self.unit, line))

    def _store(self, workspace: Workspace, checkpoint: Checkpoint, ids: np.ndarray, started: float) -> None:
        curve, place = checkpoint.curve, workspace.place
        rows = len(curve["iteration"])
        metadata = self._metadata(workspace, checkpoint.reason)
        pools = stored.arrays(workspace, self.model, checkpoint.memory, ids)

        def write() -> None:
            save_weights(place, layout.weights(self.model, self.seed), checkpoint.weights, metadata)
            create_group(place, self.curve, CURVE, dim="iteration", rows=rows, shard=rows, attributes=metadata)
            write_shard(place, self.curve, 0, rows, curve)
            stored.write(workspace, self.model, self.seed, pools, metadata)

        self.finish(workspace, 0, {**as_arrays(checkpoint.weights), **curve, **pools}, write, started=started)

    def _metadata(self, workspace: Workspace, reason: str) -> dict[str, str]:
        """Return what weights, curve and pools say of themselves; ``reason``: why the training ended."""
        spec = workspace.study.model(self.model)
        return {
            "model": self.model,
            "paper": spec.paper,
            "seed": str(self.seed),
            "network": spec.model_dump_json(exclude=_NOT_TRAINED),
            "training": json.dumps(workspace.study.training.part_for(spec)),
            "dataset": workspace.study.dataset_name,
            "dataset_sha256": workspace.dataset.sha256,
            "input_shape": json.dumps(workspace.dataset.shape),
            "classes": str(workspace.dataset.classes),
            "reason": reason,
        }

    def fit(self, workspace: Workspace) -> None:
        """Have the metadata of this very training's curve and pools be as they are made, and no checkpoint be left."""
        place, receipt = workspace.place, self.receipt(workspace, 0)
        if receipt is None or receipt.identity != self.identity(workspace, 0):
            return
        if place.has(self.kept) and all(self.done(workspace)):  # of one that was killed in its last moment
            place.delete(self.kept)
        there = (read_document(place, self.curve) or {}).get("attributes")
        reason = there.get("reason") if isinstance(there, dict) else None
        if reason not in _ENDS or there != self._metadata(workspace, reason):  # the weights say it too
            reason = known_metadata(place, layout.weights(self.model, self.seed)).get("reason")
        wanted = self._metadata(workspace, reason) if reason else None
        fit_whole(place, self.curve, CURVE, dim="iteration", attributes=wanted, hashes=receipt.arrays)
        stored.fit(workspace, self.model, self.seed, wanted, receipt.arrays)

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        """Return the files of weights, curve and pools."""
        pools = stored.files(workspace, self.model, self.seed)
        return {WEIGHTS: layout.weights(self.model, self.seed), **shard_files(self.curve, 0, CURVE), **pools}

    def effort(self, study: Study) -> float:
        """Return the model's."""
        return model_effort(study, self.model)

    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        """Return weights, curve and pools."""
        weights = load_weights(workspace.place, layout.weights(self.model, self.seed))
        pools = stored.read(workspace, self.model, self.seed)
        return {**as_arrays(weights), **read_shard(workspace.place, self.curve, 0, 2**40, CURVE), **pools}

    def prepare(self, workspace: Workspace) -> bool:
        """Drop what other work left under the same name; of this very one, what its rounds made is of use."""
        self.forget(workspace, 0)
        delete_group(workspace.place, self.curve)
        stored.delete(workspace, self.model, self.seed, rounds=not (self.divides and workspace.place.has(self.kept)))
        return True


def weights_hash(workspace: Workspace, model: str, seed: int) -> str | None:
    """Return the hash of a trained model's tensors out of its receipt, or None while it is not trained."""
    receipt = read_receipt(workspace.place, layout.receipt(layout.training_job(model, seed), 0))
    if receipt is None:
        return None
    return identity(**{name: value for name, value in receipt.arrays.items() if name.startswith(f"{WEIGHTS}/")})


def trained_model(workspace: Workspace, model: str, seed: int) -> torch.nn.Module:
    """Return a trained model on the workspace's device, in evaluation mode; the last ones asked for are kept."""
    found = weights_hash(workspace, model, seed)
    if found is None:
        raise InputError(f"the model {model} (seed {seed}) is not trained in {workspace.root}; run its study first")
    key = (workspace, model, seed, found, workspace.place.stamp(layout.weights(model, seed)))
    return _models.get(key, lambda: _load(workspace, model, seed, found), size=_bytes)


def _bytes(model: torch.nn.Module) -> int:
    return sum(tensor.nbytes for tensor in model.state_dict().values())


def _load(workspace: Workspace, model: str, seed: int, weights: str) -> torch.nn.Module:
    network = stored_model(
        workspace.place, workspace.study, workspace.dataset, model, seed, networks=workspace.networks
    )
    if arrays_hash(as_arrays(network.state_dict())) != weights:
        raise CorruptShardError(f"{layout.weights(model, seed)}: the weights are not what the receipt says")
    return network.to(workspace.device)


def model_effort(study: Study, model: str) -> float:
    """Return what tells how long a training or a set of a model takes, roughly, beside others on the same images."""
    spec = study.model(model)
    return spec.weights((_VALUES,), _CLASSES) + (0 if spec.network == "fully-connected" else _LONGER)
