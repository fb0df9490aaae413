"""What of a study is done and what is to do, seen from the store's receipts alone."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

from blindspots.jobs.expansion import expand
from blindspots.jobs.job import Job
from blindspots.jobs.stage import STAGES
from blindspots.jobs.workspace import Workspace
from blindspots.store.receipts import at_a_glance, receipts_there


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
    without_sizes: tuple[Job, ...] = ()
    """Jobs with receipts of before there were sizes in them: done, and read whole to see that."""
    seen: str = ""
    """Which receipts there were when the plan was made: what another run does changes that."""

    @property
    def complete(self) -> bool:
        """Whether nothing is to do."""
        return not self.to_do and not self.waiting

    @property
    def needs_workers(self) -> bool:
        """Whether there is work that is not for the process itself."""
        return any(job.needs_worker and not self.is_done(job) for job in self.jobs)

    def stage(self, stage: str) -> tuple[Job, ...]:
        """Return the jobs of one stage."""
        return tuple(job for job in self.jobs if job.stage == stage)

    def is_done(self, job: Job) -> bool:
        """Tell whether ``job`` was done when the plan was made."""
        return job.key not in self.to_do and job.key not in self.waiting


def outstanding(workspace: Workspace, jobs: Iterable[Job]) -> list[Outstanding]:
    """Return those of ``jobs`` that have shards to do. Their inputs must be done."""
    found = []
    with at_a_glance(workspace.place):
        for job in jobs:
            shards = tuple(shard for shard, is_done in enumerate(job.done(workspace)) if not is_done)
            if shards:
                found.append(Outstanding(job, shards))
    return found


def make_plan(workspace: Workspace) -> Plan:
    """Return what is to do of the workspace's study."""
    jobs = tuple(expand(workspace.study))
    to_do: dict[str, tuple[int, ...]] = {}
    waiting: set[str] = set()
    with at_a_glance(workspace.place):
        seen = receipts_there(workspace.place)
        for stage in STAGES:
            for wave in waves(job for job in jobs if job.stage == stage):
                waits = {job.key for job in wave if any(key in to_do or key in waiting for key in job.inputs)}
                waiting |= waits
                ready = [job for job in wave if job.key not in waits]
                to_do |= {item.job.key: item.shards for item in outstanding(workspace, ready)}
        done = (job for job in jobs if job.key not in to_do and job.key not in waiting)
        without_sizes = tuple(job for job in done if job.lacks_sizes(workspace))
    return Plan(jobs, to_do, frozenset(waiting), without_sizes, seen)


def current_plan(workspace: Workspace, plan: Plan) -> Plan:
    """Return a plan that was made before the root was held, made again where receipts came or went since.

    A second run waits on an object store until the first is over or dead, and what that made by then is done.
    """
    return plan if plan.seen == receipts_there(workspace.place) else make_plan(workspace)


def left_over(plan: Plan) -> str:
    """Return a line on what a plan has to do though all was done and nothing failed."""
    keys = sorted({*plan.to_do, *plan.waiting})
    return (
        f"{len(keys)} job(s) are to do again after every round, such as {keys[0]}; does something else change the root?"
    )


def waves(jobs: Iterable[Job]) -> list[tuple[Job, ...]]:
    """Return the jobs of a stage in groups that are done one after another: none reads one of its own or a later group.

    The jobs of most stages read none of each other, and are one group. Raises ``ValueError`` for a circle.
    """
    left, found = tuple(jobs), []
    while left:
        keys = {job.key for job in left}
        ready = tuple(job for job in left if keys.isdisjoint(job.inputs))
        if not ready:
            raise ValueError(f"jobs read each other in a circle: {', '.join(sorted(keys))}")
        found.append(ready)
        keys -= {job.key for job in ready}
        left = tuple(job for job in left if job.key in keys)
    return found


def note_sizes(workspace: Workspace, plan: Plan) -> None:
    """Give the receipts of before there were sizes those of their files, once and alone, before any work starts."""
    for job in plan.without_sizes:
        job.note_sizes(workspace)


def wave_work(
    workspace: Workspace, plan: Plan, wave: Iterable[Job], *, without: Container[str] = ()
) -> list[Outstanding]:
    """Return what is to do of one of a stage's waves once all before it is done, with room made for it in the store.

    One process calls this, alone, before any of the work starts. ``without``: keys of jobs to leave out.
    What the plan found done stays done, unless making room undid it; what waited is looked at again, since its inputs
    may have come out the same.
    """
    jobs = [job for job in wave if job.key not in without]
    undone = {kind for kind in dict.fromkeys(type(job) for job in jobs) if kind.make_room(workspace)}
    known = [Outstanding(job, plan.to_do[job.key]) for job in jobs if job.key in plan.to_do and type(job) not in undone]
    again = outstanding(workspace, [job for job in jobs if job.key in plan.waiting or type(job) in undone])
    found = {item.job.key: item for item in (*known, *again)}
    for job in jobs:
        job.fit(workspace)
    return [_prepared(workspace, found[job.key]) for job in jobs if job.key in found]


def _prepared(workspace: Workspace, item: Outstanding) -> Outstanding:
    """Make room in the store for a job's work, and return it with what the making undid."""
    return Outstanding(item.job, tuple(range(item.job.shards(workspace)))) if item.job.prepare(workspace) else item
