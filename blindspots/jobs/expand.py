"""A study expanded into its jobs, all listed before anything runs."""

from collections.abc import Sequence

from blindspots.jobs.adversarial_sets import AdversarialSet
from blindspots.jobs.job import Job, Stage
from blindspots.jobs.pairs import lay_out_table, pairs
from blindspots.jobs.reference_sets import NoiseSet
from blindspots.jobs.trainings import TrainingJob
from blindspots.jobs.workspace import Workspace
from blindspots.study import Study


def expand(study: Study) -> list[Job]:
    """Return the jobs of ``study``, stage by stage, the longest trainings first."""
    trainings: list[Job] = [
        TrainingJob(spec.name, seed)
        for spec in sorted(study.models, key=lambda spec: -_weights(spec.hidden))
        for seed in range(study.seeds)
    ]
    sets: list[Job] = [
        AdversarialSet(split=split, model=spec.name, seed=seed, rule=rule)
        for spec in study.models
        for seed in range(study.seeds)
        for split in study.sets.splits
        for rule in study.sets.rules
    ]
    noise: list[Job] = [
        NoiseSet(split=split, stddev=stddev, clip=clip)
        for split in study.sets.splits
        for stddev in study.sets.noise
        for clip in (False, True)
    ]
    return [*trainings, *sets, *noise, *pairs(study)]


def prepare(workspace: Workspace, stage: Stage, jobs: Sequence[Job]) -> None:
    """Make room in the store for ``jobs`` of one stage, before any of them runs. One process does this alone."""
    for job in jobs:
        job.prepare(workspace)
    if stage is Stage.TRANSFER:
        lay_out_table(workspace)


def _weights(hidden: Sequence[int]) -> int:
    return sum(a * b for a, b in zip((784, *hidden), (*hidden, 10), strict=True))
