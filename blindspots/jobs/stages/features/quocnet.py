"""The jobs of training a QuocNet, one a stage: each reads what the stages before it left."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import ClassVar

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.identity import identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Job, Progress, Report
from blindspots.jobs.quocnet.parts import keep, tile_hash
from blindspots.jobs.quocnet.training import Course, clean_up, train_stage
from blindspots.jobs.quocnet.work import StageWork, quocnet_of, split_of
from blindspots.jobs.stages.dataset_job import GroupShards, make_way
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.datasets import write_dataset
from blindspots.store.receipts import read_receipt
from blindspots.store.weights import as_arrays, load_weights
from blindspots.study.quocnet_spec import WINDOW
from blindspots.study.study import Study
from blindspots.training.layerwise.tile import tiles_of

ALGORITHM = 1
"""Raised with every change of a weight; the golden test says when."""

WEIGHTS, WHITENING = "weights", "whitening"


@dataclass(frozen=True)
class QuocNetStage(GroupShards):
    """Train one stage of the study's QuocNet, in tiles that are shared out to whatever workers there are."""

    stage: ClassVar[str] = "quocnet"
    unit: ClassVar[str] = "steps"
    divides: ClassVar[bool] = True

    number: int
    """From 1 on."""

    @property
    def key(self) -> str:
        """``quocnet/stage-<number>``."""
        return layout.quocnet_stage(self.number)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The stage before."""
        return (layout.quocnet_stage(self.number - 1),) if self.number > 1 else ()

    def size(self, workspace: Workspace, shard: int) -> int:
        """Return the most steps that the training may take."""
        return quocnet_of(workspace).steps

    def check(self, workspace: Workspace) -> None:
        """Raise :class:`InputError` where the pictures are too few, or of too few channels."""
        spec, dataset = quocnet_of(workspace), workspace.dataset
        channels, wanted = dataset.shape[0], spec.shape.channels
        if channels != wanted and (channels, wanted) != (3, 1):
            raise InputError(
                f"quocnet.size: it takes pictures of {wanted} channels, and those of {dataset.name} have {channels}; "
                "name another size"
            )
        workspace.examples(split_of(workspace), spec.images + spec.held_out)

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of pictures, geometry, training and seed, and of the stage before, or None without that."""
        spec = quocnet_of(workspace)
        before = None
        if self.number > 1:
            receipt = read_receipt(workspace.place, layout.receipt(layout.quocnet_stage(self.number - 1), 0))
            if receipt is None:
                return None
            before = receipt.content
        return identity(
            stage="quocnet",
            algorithm=ALGORITHM,
            dataset=workspace.dataset.sha256,
            number=self.number,
            before=before,
            input_shape=spec.shape.input_shape,
            filters=spec.shape.shapes[self.number - 1].filters,
            stride=spec.shape.strides[self.number - 1],
            pool=spec.shape.pool,
            training=spec.model_dump(mode="json", exclude={"size"} | ({"replicas"} if spec.replicas == 1 else set())),
            seed=workspace.study.seed,
            dtype="float32",
            device=workspace.device,
        )

    def group(self, workspace: Workspace, shard: int) -> str:
        """Return the key: the group of the stage's course."""
        return self.key

    def fit(self, workspace: Workspace) -> None:
        """Delete what only the training needed, where it is done and was killed before that."""
        if workspace.place.has_folder(layout.quocnet_work(self.number)) and all(self.done(workspace)):
            workspace.place.delete_all(layout.quocnet_work(self.number))

    def prepare(self, workspace: Workspace) -> bool:
        """Delete the course that is to be replaced."""
        make_way(self, workspace)
        return True

    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        """Train the stage, and store its weights, a file a tile, its course and its filters' norms."""
        started = perf_counter()
        wanted = self.identity(workspace, shard)
        if wanted is None:
            raise RuntimeError(f"{self.key}: the stage before vanished")
        work = StageWork(workspace, self.number, wanted)
        size = self.size(workspace, shard)

        def say(course: Course, line: str) -> None:
            report(Progress(self.stage, self.key, course.step, size, self.unit, line))

        course, end = train_stage(work, hands, say)
        norms = np.empty(work.shape.filters[:3], np.float32)
        written = self._whitening(workspace)  # which was read for every step

        def write() -> None:  # what is written is known when it is: norms and hashes come from the workers
            parts = [(tile.number, course.step) for tile in work.tiles]
            for tile, (found, hashed) in zip(work.tiles, hands.map(partial(keep, work), parts), strict=True):
                norms[tile.places] = found.numpy()
                written[f"{WEIGHTS}/{tile.number}"] = _as_array(hashed)
            drawn = self._course(work, course, end, norms)
            written.update({str(name): np.asarray(array.values) for name, array in drawn.variables.items()})
            write_dataset(workspace.place, self.key, drawn)

        self.finish(workspace, 0, written, write, started=started)
        clean_up(work)
        _, *parts = course.checks[-1]
        line = (
            f"done after {course.step} steps, {end}: held out {parts[0] + parts[1]:.1f}, reconstruction {parts[0]:.1f}"
        )
        report(Progress(self.stage, self.key, size, size, self.unit, line))

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        """Return the files of the group, of every tile's weights, and of what whitens the images."""
        weights = {f"{WEIGHTS}/{tile}": layout.quocnet_tile(self.number, tile) for tile in self._tiles(workspace)}
        found = {**super().files(workspace, shard), **weights}
        return {**found, WHITENING: layout.quocnet_whitening()} if self.number == 1 else found

    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        """Return the course, and the hashes of the tiles' weights, which need not fit into memory together."""
        work = StageWork(workspace, self.number, "")
        hashes = {f"{WEIGHTS}/{tile}": _as_array(tile_hash(work, tile)) for tile in self._tiles(workspace)}
        return {**super().read(workspace, shard), **hashes, **self._whitening(workspace)}

    def _whitening(self, workspace: Workspace) -> dict[str, np.ndarray]:
        """Return what whitens the images, of the stage that has it."""
        if self.number > 1:
            return {}
        found = as_arrays(load_weights(workspace.place, layout.quocnet_whitening()))
        return {f"{WHITENING}/{name}": array for name, array in found.items()}

    def _tiles(self, workspace: Workspace) -> range:
        spec = quocnet_of(workspace)
        return range(len(tiles_of(spec.shape.shapes[self.number - 1], *spec.tiles)))

    def _course(self, work: StageWork, course: Course, end: str, norms: np.ndarray) -> xr.Dataset:
        losses, checks = np.array(course.losses).reshape(-1, 2), np.array(course.checks)
        shape, spec = work.shape, work.spec
        return xr.Dataset(
            {
                "reconstruction": ("step", losses[:, 0], _described("of the minibatch: squared error of an input")),
                "penalty": ("step", losses[:, 1], _described("of the minibatch: sparsity times the pooled codes")),
                "held_out_reconstruction": ("check", checks[:, 1], _described("of inputs held out")),
                "held_out_penalty": ("check", checks[:, 2], _described("of inputs held out")),
                "held_out_size": ("check", checks[:, 3], _described("mean squared length of inputs held out")),
                "norm": (("row", "column", "map"), norms, _described("Euclidean norm of a filter")),
            },
            {
                "step": ("step", np.arange(len(losses)), _described("steps before")),
                "check": ("check", checks[:, 0].astype(np.int64), _described("steps before")),
            },
            attrs={
                "stage": self.number,
                "filters": list(shape.filters),
                "weights": shape.weights,
                "training": spec.model_dump_json(),
                "dataset": work.workspace.study.dataset_name,
                "dataset_sha256": work.workspace.dataset.sha256,
                "ended": end,
                "looked_every": WINDOW,
            },
        )


def _as_array(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def _described(long_name: str) -> dict[str, str]:
    return {"long_name": long_name, "units": "1"}


def quocnet_stages(study: Study) -> Iterator[Job]:
    """Return a job for each stage of the study's QuocNet; none where it has none."""
    if study.quocnet is not None:
        for number in range(1, len(study.quocnet.shape.shapes) + 1):
            yield QuocNetStage(number)
