"""What the flows of one run share: the workspace, the plan, the actors."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter

from blindspots.errors import InputError
from blindspots.jobs.expansion import expand
from blindspots.jobs.job import Progress, Report, Stage
from blindspots.jobs.plan import Plan, make_plan
from blindspots.jobs.opening import workspace_for
from blindspots.jobs.workspace import Workspace
from blindspots.store.layout import Layout
from blindspots.store.root import working_in
from blindspots.study.study import Study
from flows.local_run import default_workers
from tasks.actors.pool import ActorPool


def _ignore(progress: Progress) -> None:
    pass


@dataclass
class Session:
    """One run of a study, or of a stage of it."""

    workspace: Workspace
    plan: Plan
    pool: ActorPool
    observer: Report = _ignore
    ran: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The shards done in this run, by their job's key."""
    failed: set[str] = field(default_factory=set)
    """Keys of the jobs that failed in this run, and of those that read what they would have made."""
    settled: set[Stage] = field(default_factory=set)
    """The stages that this run has brought to an end."""
    started: float = field(default_factory=perf_counter)

    @property
    def needs_actors(self) -> bool:
        """Whether there is work beside the drawing of tables."""
        return any(job.stage is not Stage.TABLES and not self.plan.is_done(job) for job in self.plan.jobs)


_current: ContextVar[Session | None] = ContextVar("session", default=None)


@contextmanager
def session(
    study: Study, root: str, workers: int | None, device: str, data: str | None, *, pool: ActorPool | None = None
) -> Iterator[Session]:
    """Enter the run of ``study`` in ``root``: the one that is open, or a new one that ends with the block.

    ``pool``: one that is being started already; it is closed at the end. Raises
    :class:`~blindspots.errors.InputError` before anything starts where something does not fit.
    """
    there = _current.get()
    if there is not None and there.workspace.study == study and there.workspace.layout == Layout.at(root):
        yield there
        return
    if workers is not None and workers < 1:
        raise InputError(f"workers = {workers}: at least one is needed")
    workspace = workspace_for(study, root, device=None if device == "auto" else device, data=data)
    with working_in(workspace.layout, study, workspace.dataset.sha256):
        plan = make_plan(workspace, expand(study))
        pool = pool or ActorPool(workers or default_workers())
        pool.open(workspace)
        opened = Session(workspace, plan, pool)
        token = _current.set(opened)
        try:
            yield opened
        finally:
            _current.reset(token)
            pool.close()
