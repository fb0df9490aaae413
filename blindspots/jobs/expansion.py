"""A study expanded into its jobs, all listed before anything runs."""

from itertools import pairwise

from blindspots.jobs.job import Job
from blindspots.jobs.stages.adversarial_sets import AdversarialSet
from blindspots.jobs.stages.bounds import bounds
from blindspots.jobs.stages.certificates import certificates
from blindspots.jobs.stages.negatives import negatives
from blindspots.jobs.stages.pairs import pairs
from blindspots.jobs.stages.reference_sets import NoiseSet
from blindspots.jobs.stages.tables import table_jobs
from blindspots.jobs.stages.trainings import TrainingJob
from blindspots.study.study import ModelSpec, Study


def expand(study: Study) -> list[Job]:
    """Return the jobs of ``study``, stage by stage, what takes longest first."""
    trainings: list[Job] = [
        TrainingJob(spec.name, seed)
        for spec in sorted(study.models, key=_effort, reverse=True)
        for seed in range(study.seeds)
    ]
    sets: list[Job] = [
        AdversarialSet(split=split, model=spec.name, seed=seed, rule=rule)
        for spec in sorted(study.models, key=_effort, reverse=True)
        for seed in range(study.seeds)
        for split in study.splits(spec)
        for rule in study.sets.rules
    ]
    noise: list[Job] = [
        NoiseSet(split=split, stddev=stddev, clip=clip)
        for split in study.distorted_splits
        for stddev in study.sets.noise
        for clip in (False, True)
    ]
    shown = sorted(negatives(study), key=lambda job: _effort(study.model(job.model)), reverse=True)
    proved = sorted(certificates(study), key=lambda job: _effort(study.model(job.model)), reverse=True)
    jobs: list[Job] = [*trainings, *sets, *noise, *pairs(study), *shown, *bounds(study), *proved]
    return [*jobs, *table_jobs(study, jobs)]


def _effort(spec: ModelSpec) -> tuple[bool, int]:
    """Return what tells how long a training or a set takes, roughly: autoencoders and convolutions, then weights."""
    widths = (784, *spec.hidden, 10)
    return spec.network != "fully-connected", sum(a * b for a, b in pairwise(widths))
