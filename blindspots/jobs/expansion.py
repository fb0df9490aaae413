"""A study expanded into its jobs, all listed before anything runs."""

from functools import lru_cache

from blindspots.jobs.job import Job
from blindspots.jobs.stage import STAGES
from blindspots.study.study import Study


def expand(study: Study) -> list[Job]:
    """Return the jobs of ``study``, stage by stage, what takes longest first."""
    return list(_expand(study, tuple(STAGES.values())))


@lru_cache(maxsize=4)
def _expand(study: Study, stages: tuple[object, ...]) -> tuple[Job, ...]:
    jobs: tuple[Job, ...] = ()
    for stage in STAGES.values():
        own = sorted(stage.jobs(study, jobs), key=lambda job: job.effort(study), reverse=True)
        jobs = (*jobs, *own)
    return jobs
