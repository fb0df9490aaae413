"""A study expanded into its jobs, all listed before anything runs."""

from collections.abc import Sequence

from blindspots.jobs.adversarial_sets import AdversarialSet
from blindspots.jobs.job import Job
from blindspots.jobs.pairs import pairs
from blindspots.jobs.reference_sets import NoiseSet
from blindspots.jobs.table_jobs import table_jobs
from blindspots.jobs.trainings import TrainingJob
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
    jobs: list[Job] = [*trainings, *sets, *noise, *pairs(study)]
    return [*jobs, *table_jobs(jobs)]


def _weights(hidden: Sequence[int]) -> int:
    return sum(a * b for a, b in zip((784, *hidden), (*hidden, 10), strict=True))
