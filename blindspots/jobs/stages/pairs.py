"""The job of showing one source to one target: a pair of ``transfer``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
import torch

from blindspots.identity import array_hash, identity
from blindspots.intervals import wilson
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Job, Progress, Report
from blindspots.jobs.stages.adversarial_sets import AdversarialSet, sets_of
from blindspots.jobs.stages.example_set import ExampleSet, contents
from blindspots.jobs.stages.reference_sets import NoiseSet
from blindspots.jobs.stages.shown import Reading, read_clean, read_set
from blindspots.jobs.stages.trainings import trained_model, weights_hash
from blindspots.jobs.workspace import Workspace
from blindspots.names import CLEAN, NO_RULE, noise_name
from blindspots.store import layout
from blindspots.store.predictions import (
    NOT_SHOWN,
    dtype_for,
    file_of,
    keep_only,
    make_array,
    mend_array,
    read_predictions,
    write_predictions,
)
from blindspots.store.transfer_table import CELL, VARIABLES, Coordinates, TransferTable, described
from blindspots.study.model_spec import HALVES
from blindspots.study.study import Study
from blindspots.transfer import VARIANTS

ALGORITHM = 3
"""Raised with every change of what is counted or read; the golden test says when."""

Cell = tuple[str, str, str]
"""Where a source is shown: its split, its rule, and how (variant)."""


def coordinates(study: Study) -> Coordinates:
    """Return the rows, columns and cells of a study's ``transfer``."""
    models = [spec.name for spec in study.models]
    noise = [noise_name(stddev, clip) for stddev in study.sets.noise for clip in (False, True)]
    return {
        "source": [*models, CLEAN, *noise],
        "target": models,
        "seed": list(range(study.seeds)),
        "split": ["train", *HALVES, "test"],
        "rule": [NO_RULE, *study.sets.rules],
        "variant": list(VARIANTS),
    }


def table(workspace: Workspace) -> TransferTable:
    """Return the study's ``transfer``."""
    return TransferTable(workspace.place, coordinates(workspace.study))


@dataclass(frozen=True)
class Pair(Job):
    """One source shown to one target: all its splits, rules and variants."""

    stage: ClassVar[str] = "transfer"
    unit: ClassVar[str] = "pairs"

    source: str
    target: str
    seed: int
    sets: tuple[ExampleSet, ...]
    """The sets that the source is made of; none for the images as they are."""

    @property
    def key(self) -> str:
        """``transfer/<source>/<target>/seed-<seed>``."""
        return layout.pair_job(self.source, self.target, self.seed)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The target's training and the source's sets."""
        return (layout.training_job(self.target, self.seed), *(job.key for job in self.sets))

    @property
    def _pair(self) -> dict[str, str | int]:
        return {"source": self.source, "target": self.target, "seed": self.seed}

    def images_a_unit(self, workspace: Workspace) -> int:
        """Return how many images the target is shown."""
        if not self.sets:
            return sum(map(len, self._clean_ids(workspace).values()))
        return sum(len(job.ids(workspace)) * len(self._variants(workspace.study, job)) for job in self.sets)

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of the target's weights, the sets' contents and what is counted."""
        study = workspace.study
        weights = weights_hash(workspace, self.target, self.seed)
        made = [contents(job, workspace) for job in self.sets]
        if weights is None or None in made:
            return None
        clean = {split: array_hash(ids) for split, ids in self._clean_ids(workspace).items()} if not self.sets else None
        return identity(
            stage="transfer",
            algorithm=ALGORITHM,
            weights=weights,
            layers=study.model(self.target).layers,
            sets=dict(zip((job.key for job in self.sets), made, strict=True)),
            clean=clean,
            dataset=workspace.dataset.sha256,
            amplified_to=study.sets.amplified_to
            if any(len(self._variants(study, job)) > 1 for job in self.sets)
            else None,
            cells={name: coordinates(study)[name] for name in CELL},
            dtype="float32",
            device=workspace.device,
        )

    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        """Show every set of the source to the target, count, and store counts, rates and intervals."""
        started = perf_counter()
        model = trained_model(workspace, self.target, self.seed)
        cells = coordinates(workspace.study)
        shape = tuple(len(cells[name]) for name in CELL)
        arrays = {
            name: np.full(shape, np.nan if variable.dtype == "float64" else 0, variable.dtype)
            for name, variable in VARIABLES.items()
        }
        predicted: dict[Cell, np.ndarray] = {}
        for cell, reading in self._shown(workspace, model):
            counts = reading.counts
            at = tuple(cells[name].index(value) for name, value in zip(CELL, cell, strict=True))
            low, high = wilson(counts.misread, counts.n)
            values = {
                "n": counts.n,
                "misread": counts.misread,
                "as_target": counts.as_target,
                "clean_misread": counts.clean_misread,
                "rate": counts.misread / counts.n,
                "rate_low": low,
                "rate_high": high,
                "distortion": counts.distortion / counts.n,
            }
            for name, value in values.items():
                arrays[name][at] = value
            predicted[cell] = np.full(self._rows(workspace, cell), NOT_SHOWN, dtype_for(workspace.dataset.classes))
            predicted[cell][: counts.n] = reading.predicted

        def write() -> None:
            table(workspace).write(self._pair, arrays)
            for cell, read in predicted.items():
                write_predictions(workspace.place, self._group(cell), self._array(cell), read)

        whole = {**arrays, **{_name(cell): read for cell, read in predicted.items()}}
        self.finish(workspace, 0, whole, write, started=started)
        report(Progress(self.stage, self.key, 1, 1, self.unit))

    @classmethod
    def make_room(cls, workspace: Workspace) -> bool:
        """Lay out the table for the study's pairs; those that it holds no more, or not as their receipts say, go."""
        every = ((pair, cell) for pair in pairs(workspace.study) for cell in pair._cells(workspace))
        keep_only(workspace.place, {f"{pair._group(cell)}/{pair._array(cell)}" for pair, cell in every})
        study = workspace.study
        about = described(study.dataset_name, workspace.dataset.sha256, study.sets.amplified_to)
        return table(workspace).lay_out(about)

    def prepare(self, workspace: Workspace) -> bool:
        """Make the arrays of what the target reads."""
        for cell in self._cells(workspace):
            make_array(workspace.place, self._group(cell), self._array(cell), **self._made(workspace, cell))
        return False

    def fit(self, workspace: Workspace) -> None:
        """Have the metadata of what the target reads be as they are made, where the receipt speaks of it."""
        receipt = self.receipt(workspace, 0)
        hashes = {} if receipt is None else receipt.arrays

        def mend(cell: Cell) -> None:
            made, known = self._made(workspace, cell), hashes.get(_name(cell))
            mend_array(workspace.place, self._group(cell), self._array(cell), **made, known=known)

        workspace.place.map(mend, list(self._cells(workspace)))

    def _made(self, workspace: Workspace, cell: Cell) -> dict[str, Any]:
        """Return how an array of what the target reads is made."""
        rows, attributes = self._rows(workspace, cell), self._attributes(workspace, cell)
        return {"rows": rows, "classes": workspace.dataset.classes, "attributes": attributes}

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        """Return the files of the pair's cells, and of what the target reads in each."""
        read = {_name(cell): file_of(self._group(cell), self._array(cell)) for cell in self._cells(workspace)}
        return {**table(workspace).files(self._pair), **read}

    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        """Return the pair's cells, and what the target reads in each."""
        read = {
            _name(cell): read_predictions(workspace.place, self._group(cell), self._array(cell))
            for cell in self._cells(workspace)
        }
        return {**table(workspace).read(self._pair), **read}

    def _cells(self, workspace: Workspace) -> Iterator[Cell]:
        """Yield where the source is shown to the target."""
        if not self.sets:
            yield from ((split, NO_RULE, VARIANTS[0]) for split in self._clean_splits(workspace))
        for job in self.sets:
            yield from ((job.split, _rule(job), variant) for variant in self._variants(workspace.study, job))

    def _group(self, cell: Cell) -> str:
        return layout.predictions(self.source, self.seed, *cell[:2])

    def _array(self, cell: Cell) -> str:
        return layout.prediction(cell[2], self.target)

    def _set(self, cell: Cell) -> ExampleSet | None:
        """Return the set of a cell; None for the images as they are."""
        return next((job for job in self.sets if (job.split, _rule(job)) == cell[:2]), None)

    def _rows(self, workspace: Workspace, cell: Cell) -> int:
        """Return how many images there are in the place of a cell, shown or not: of the clean ones, the whole split.

        A target is shown the clean images that it was trained on, which may be the first of them alone.
        """
        job = self._set(cell)
        return len(workspace.examples(cell[0]) if job is None else job.ids(workspace))

    def _attributes(self, workspace: Workspace, cell: Cell) -> Mapping[str, Any]:
        split, rule, _ = cell
        job = self._set(cell)
        return {
            "long_name": f"classes that models read in {self.source}, {split}, {rule}",
            "set": "" if job is None else job.key,
            "order": f"of the set; of images as they are, the split's own under the seed {workspace.study.seed}",
            "dataset": workspace.study.dataset_name,
            "dataset_sha256": workspace.dataset.sha256,
        }

    def _clean_splits(self, workspace: Workspace) -> tuple[str, ...]:
        """Return the splits that the target's errors are of: what it was trained on, the other half, and the test's."""
        spec = workspace.study.model(self.target)
        own = HALVES if spec.split in HALVES else (spec.split,)
        return (*(split for split in own if split in workspace.dataset.splits), "test")

    def _clean_ids(self, workspace: Workspace) -> dict[str, np.ndarray]:
        """Return the images that the target's errors are of: those it was trained on, the other half's, and the test's.

        A given model was trained on all that there is, as far as is known.
        """
        study = workspace.study
        limit = study.training.images if study.model(self.target).given is None else None
        return {
            split: workspace.examples(split, None if split == "test" else limit)
            for split in self._clean_splits(workspace)
        }

    def _shown(self, workspace: Workspace, model: torch.nn.Module) -> Iterator[tuple[Cell, Reading]]:
        """Yield for each cell what the target reads there."""
        if not self.sets:
            for split, ids in self._clean_ids(workspace).items():
                yield (split, NO_RULE, VARIANTS[0]), read_clean(workspace, model, split, ids)
        for job in self.sets:
            found = read_set(workspace, model, job, self._variants(workspace.study, job))
            for variant, reading in found.items():
                yield (job.split, _rule(job), variant), reading

    def _variants(self, study: Study, job: ExampleSet) -> tuple[str, ...]:
        """Return how a set is shown: amplified too where it is asked for and source and target are of one table."""
        wanted = job.split in study.sets.amplified_splits and job.split in study.splits(study.model(self.target))
        return VARIANTS if wanted and isinstance(job, AdversarialSet) else VARIANTS[:1]


def _rule(job: ExampleSet) -> str:
    return job.rule if isinstance(job, AdversarialSet) else NO_RULE


def _name(cell: Cell) -> str:
    """Return what the receipt calls what is read in a cell."""
    return "/".join(("predicted", *cell))


def pairs(study: Study) -> Iterator[Pair]:
    """Return all pairs of a study: every model's sets, the clean images and the noise, shown to every model.

    Source by source, so that a process that shows one to several models reads it once.
    """
    to = [(target.name, seed) for seed in range(study.seeds) for target in study.models]
    for source in study.models if study.sets.rules else ():
        yield from (Pair(source.name, target, seed, tuple(sets_of(study, source, seed))) for target, seed in to)
    yield from (Pair(CLEAN, target, seed, ()) for target, seed in to)
    for stddev in study.sets.noise if study.sets.rules else ():
        for clip in (False, True):
            noise = tuple(NoiseSet(split=split, stddev=stddev, clip=clip) for split in study.distorted_splits)
            yield from (Pair(noise_name(stddev, clip), target, seed, noise) for target, seed in to)
