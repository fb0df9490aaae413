"""The job of showing one source to one target: a pair of ``transfer``."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from time import perf_counter
from typing import ClassVar

import numpy as np
import torch

from blindspots.device import BATCH, rows_at_once
from blindspots.identity import array_hash, identity
from blindspots.intervals import wilson
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Job, Progress, Report
from blindspots.jobs.stages.adversarial_sets import AdversarialSet, sets_of
from blindspots.jobs.stages.example_set import ExampleSet, contents
from blindspots.jobs.stages.reference_sets import NoiseSet
from blindspots.jobs.stages.trainings import trained_model, weights_hash
from blindspots.jobs.workspace import Workspace
from blindspots.names import CLEAN, NO_RULE, noise_name
from blindspots.store import layout
from blindspots.store.transfer_table import CELL, VARIABLES, Coordinates, TransferTable
from blindspots.study.model_spec import HALVES
from blindspots.study.study import Study
from blindspots.transfer import VARIANTS, Counts, show

ALGORITHM = 2
"""Raised with every change of what is counted; the golden test says when."""

_READ = ("perturbation", "example", "target")


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
        for (split, rule, variant), counts in self._counts(workspace, model):
            at = tuple(cells[name].index(value) for name, value in zip(CELL, (split, rule, variant), strict=True))
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
        self.finish(workspace, 0, arrays, lambda: table(workspace).write(self._pair, arrays), started=started)
        report(Progress(self.stage, self.key, 1, 1, self.unit))

    @classmethod
    def make_room(cls, workspace: Workspace) -> bool:
        """Lay out the table for the study's pairs; those that it holds no more, or not as their receipts say, go."""
        return table(workspace).lay_out(
            {
                "long_name": "every set (source) shown to every model (target)",
                "dataset": workspace.study.dataset_name,
                "dataset_sha256": workspace.dataset.sha256,
                "amplified_to": workspace.study.sets.amplified_to,
                "tables": "Tables 1 to 4",
                "comment": "n = 0 where a source has no such cell; under the rule none, as_target counts nothing; "
                "the source clean, splits train, p1, p2: the target's own training images and those of the other half",
            }
        )

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        """Return the files of the pair's cells."""
        return table(workspace).files(self._pair)

    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        """Return the pair's cells."""
        return table(workspace).read(self._pair)

    def _clean_ids(self, workspace: Workspace) -> dict[str, np.ndarray]:
        """Return the images that the target's errors are of: those it was trained on, the other half's, and the test's.

        A given model was trained on all that there is, as far as is known.
        """
        study, there = workspace.study, workspace.dataset.splits
        spec = study.model(self.target)
        own = HALVES if spec.split in HALVES else (spec.split,)
        limit = study.training.images if spec.given is None else None
        return {split: workspace.examples(split, limit) for split in own if split in there} | {
            "test": workspace.examples("test")
        }

    def _counts(self, workspace: Workspace, model: torch.nn.Module) -> Iterator[tuple[tuple[str, str, str], Counts]]:
        if not self.sets:
            for split, ids in self._clean_ids(workspace).items():
                total = Counts()
                at_once = rows_at_once(prod(workspace.dataset.shape), most=2 * BATCH)
                for start in range(0, len(ids), at_once):
                    total += show(model, *self._images(workspace, split, ids[start : start + at_once]))
                yield (split, NO_RULE, VARIANTS[0]), total
        for job in self.sets:
            adversarial = isinstance(job, AdversarialSet)
            variants = self._variants(workspace.study, job)
            totals = dict.fromkeys(variants, Counts())
            for index in range(job.shards(workspace)):
                arrays = job.read(workspace, index, _READ if adversarial else _READ[:2])
                images, labels = self._images(workspace, job.split, arrays["example"])
                perturbation = torch.tensor(arrays["perturbation"], device=workspace.device)
                targets = torch.tensor(arrays["target"], device=workspace.device) if adversarial else None
                with torch.inference_mode():
                    clean = model(images).argmax(1)
                for variant in variants:
                    totals[variant] += show(
                        model,
                        images,
                        labels,
                        perturbation=perturbation,
                        targets=targets,
                        variant=variant,
                        amplified_to=workspace.study.sets.amplified_to,
                        clean_predicted=clean,
                    )
            rule = job.rule if isinstance(job, AdversarialSet) else NO_RULE
            for variant, total in totals.items():
                yield (job.split, rule, variant), total

    def _variants(self, study: Study, job: ExampleSet) -> tuple[str, ...]:
        """Return how a set is shown: amplified too where it is asked for and source and target are of one table."""
        wanted = job.split in study.sets.amplified_splits and job.split in study.splits(study.model(self.target))
        return VARIANTS if wanted and isinstance(job, AdversarialSet) else VARIANTS[:1]

    def _images(self, workspace: Workspace, split: str, ids: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        images = workspace.dataset.images(split, ids).to(workspace.device)
        return images, workspace.dataset.labels(split, ids).to(workspace.device)


def pairs(study: Study) -> Iterator[Pair]:
    """Return all pairs of a study: every model's sets, the clean images and the noise, shown to every model."""
    for target in study.models:
        for seed in range(study.seeds):
            for source in study.models if study.sets.rules else ():
                yield Pair(source.name, target.name, seed, tuple(sets_of(study, source, seed)))
            yield Pair(CLEAN, target.name, seed, ())
            for stddev in study.sets.noise if study.sets.rules else ():
                for clip in (False, True):
                    noise = tuple(NoiseSet(split=split, stddev=stddev, clip=clip) for split in study.distorted_splits)
                    yield Pair(noise_name(stddev, clip), target.name, seed, noise)
