"""What of a study is done and what is to do, seen from the store alone."""

from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from blindspots.jobs.job import Job, Stage
from blindspots.jobs.stages.pairs import lay_out_table
from blindspots.jobs.workspace import Workspace

_READERS = 4


@dataclass(frozen=True)
class Outstanding:
    """A job with the shards of it that are to do."""

    job: Job
    shards: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The jobs of a study: those to do, and those that wait for them and may turn out to be done."""

    jobs: tuple[Job, ...]
    to_do: dict[str, tuple[int, ...]]
    """Shards to do, by the job's key."""
    waiting: frozenset[str]
    """Keys of the jobs that read what is yet to be made."""

    @property
    def complete(self) -> bool:
        """Whether nothing is to do."""
        return not self.to_do and not self.waiting

    def stage(self, stage: Stage) -> tuple[Job, ...]:
        """Return the jobs of one stage."""
        return tuple(job for job in self.jobs if job.stage is stage)

    def is_done(self, job: Job) -> bool:
        """Tell whether ``job`` was done when the plan was made."""
        return job.key not in self.to_do and job.key not in self.waiting


def outstanding(workspace: Workspace, jobs: Sequence[Job]) -> list[Outstanding]:
    """Return those of ``jobs`` that have shards to do. Their inputs must be done; every shard is read and hashed."""
    tasks = [(job, shard) for job in jobs for shard in range(job.shards(workspace))]
    with ThreadPoolExecutor(_READERS) as readers:
        done = list(readers.map(lambda task: task[0].is_done(workspace, task[1]), tasks))
    found: dict[str, list[int]] = {}
    for (job, shard), is_done in zip(tasks, done, strict=True):
        if not is_done:
            found.setdefault(job.key, []).append(shard)
    return [Outstanding(job, tuple(found[job.key])) for job in jobs if job.key in found]


def make_plan(workspace: Workspace, jobs: Sequence[Job]) -> Plan:
    """Return what is to do of ``jobs``, which stand in the order of their stages."""
    to_do: dict[str, tuple[int, ...]] = {}
    waiting: set[str] = set()
    for stage in Stage:
        of_stage = [job for job in jobs if job.stage is stage]
        waits = {job.key for job in of_stage if any(key in to_do or key in waiting for key in job.inputs)}
        waiting |= waits
        ready = [job for job in of_stage if job.key not in waits]
        to_do |= {item.job.key: item.shards for item in outstanding(workspace, ready)}
    return Plan(tuple(jobs), to_do, frozenset(waiting))


def stage_work(workspace: Workspace, plan: Plan, stage: Stage, *, without: Container[str] = ()) -> list[Outstanding]:
    """Return what is to do of one stage once the stages before it are done, with room made for it in the store.

    One process calls this, alone, before any of the work starts. ``without``: keys of jobs to leave out.
    What the plan found done stays done; what waited is looked at again, since its inputs may have come out the same.
    """
    jobs = [job for job in plan.stage(stage) if job.key not in without]
    known = [Outstanding(job, plan.to_do[job.key]) for job in jobs if job.key in plan.to_do]
    again = outstanding(workspace, [job for job in jobs if job.key in plan.waiting])
    found = {item.job.key: item for item in (*known, *again)}
    for job in jobs:
        job.fit(workspace)
    return _prepare(workspace, stage, [found[job.key] for job in jobs if job.key in found])


def _prepare(workspace: Workspace, stage: Stage, work: list[Outstanding]) -> list[Outstanding]:
    """Make room in the store for ``work``, alone, and return it with what the making undid."""
    if stage is Stage.TRANSFER and work:
        lay_out_table(workspace)
    return [
        Outstanding(item.job, tuple(range(item.job.shards(workspace)))) if item.job.prepare(workspace) else item
        for item in work
    ]
