"""What the flows of one run share: the workspace, the plan, the workers."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter

from blindspots.jobs.job import Progress, Report
from blindspots.jobs.opening import open_root, working
from blindspots.jobs.plan import Plan, current_plan, make_plan, note_sizes
from blindspots.jobs.workspace import Workspace
from blindspots.store.place import Place
from blindspots.study.study import Study
from tasks.actors.resources import are_elsewhere
from tasks.actors.workers import Workers


def _ignore(progress: Progress) -> None:
    pass


@dataclass
class Session:
    """One run of a study, or of a stage of it."""

    workspace: Workspace
    plan: Plan
    workers: Workers
    observer: Report = _ignore
    whole: bool = False
    """Whether this is a run of all stages, whose flow shows on its own page what came of it."""
    watched: bool = True
    """Whether somebody may look at the run in Prefect: not where the server is the run's own, and gone with it."""
    ran: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The shards done in this run, by their job's key."""
    failed: set[str] = field(default_factory=set)
    """Keys of the jobs that failed in this run, and of those that read what they would have made."""
    sent_back: set[str] = field(default_factory=set)
    """Keys of the jobs that met damage in what they read, and of those that read what they would have made."""
    settled: set[str] = field(default_factory=set)
    """The stages that this run has brought to an end."""
    complete: bool | None = None
    """Whether nothing is left to do; None where nobody has looked since the work was done."""
    started: float = field(default_factory=perf_counter)

    def plan_again(self) -> bool:
        """Look at the store anew, and plan what is to do, such as what was sent back; tell whether nothing is."""
        left = make_plan(self.workspace)
        if left.complete:
            self.complete = True
            return True
        self.plan = left
        self.sent_back.clear()
        self.settled.clear()
        note_sizes(self.workspace, self.plan)
        return False


_current: ContextVar[Session | None] = ContextVar("session", default=None)


@contextmanager
def session(study: Study, root: str, workers: Workers, device: str, data: str | None) -> Iterator[Session]:
    """Enter the run of ``study`` in ``root``: the one that is open, or a new one that ends with the block.

    ``workers``: those of a new one, which are closed with it.

    Raises :class:`~blindspots.errors.InputError` before anything starts where something does not fit.
    """
    there = _current.get()
    if there is not None and there.workspace.study == study and there.workspace.place == Place.at(root):
        yield there
        return
    workspace = open_root(study, root, device=device, elsewhere=are_elsewhere(), data=data).workspace
    with session_in(workspace, make_plan(workspace), workers) as opened:
        yield opened


@contextmanager
def session_in(workspace: Workspace, plan: Plan, workers: Workers) -> Iterator[Session]:
    """Begin a run in an opened workspace, which ends with the block; the workers are closed then.

    Raises :class:`~blindspots.errors.InputError` where another run holds the root.
    """
    with working(workspace) as work:
        plan = make_plan(workspace) if work.mended else current_plan(workspace, plan)
        note_sizes(workspace, plan)
        workers.open(workspace)
        opened = Session(workspace, plan, workers)
        token = _current.set(opened)
        try:
            yield opened
        finally:
            _current.reset(token)
            workers.close()
        work.finished = opened.complete
