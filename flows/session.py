"""What the flows of one run share: the workspace, the plan, the actors."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter

from blindspots.errors import InputError
from blindspots.jobs.expand import expand
from blindspots.jobs.job import Progress, Report
from blindspots.jobs.plan import Plan, make_plan
from blindspots.jobs.run import workspace_for
from blindspots.jobs.workspace import Workspace
from blindspots.store.root import working_in
from blindspots.study import Study
from tasks.actors.pool import ActorPool

logger = logging.getLogger(__name__)


@dataclass
class Session:
    """One run of a study, or of a stage of it."""

    workspace: Workspace
    plan: Plan
    pool: ActorPool
    observer: Report
    ran: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The shards done in this run, by their job's key."""
    started: float = field(default_factory=perf_counter)


_current: ContextVar[Session | None] = ContextVar("session", default=None)
_observer: ContextVar[Report | None] = ContextVar("observer", default=None)


@contextmanager
def observed_by(observer: Report) -> Iterator[None]:
    """Have ``observer`` called with all progress of the runs inside."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def default_workers() -> int:
    """Return how many actors suit this machine: one a core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def session(study: Study, root: str, workers: int | None, device: str, data: str | None) -> Iterator[Session]:
    """Enter the run of ``study`` in ``root``: the one that is open, or a new one that ends with the block.

    Raises :class:`InputError` before anything starts where something does not fit.
    """
    there = _current.get()
    if there is not None and there.workspace.study == study:
        yield there
        return
    if workers is not None and workers < 1:
        raise InputError(f"workers = {workers}: at least one is needed")
    workspace = workspace_for(study, root, device=None if device == "auto" else device, data=data)
    with working_in(workspace.layout, study, workspace.dataset.sha256):
        plan = make_plan(workspace, expand(study))
        pool = ActorPool(workspace, workers or default_workers())
        opened = Session(workspace, plan, pool, _observer.get() or _ignore)
        token = _current.set(opened)
        try:
            yield opened
        finally:
            _current.reset(token)
            pool.close()


def _ignore(progress: Progress) -> None:
    pass
