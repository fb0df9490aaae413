"""The flows: a study, and each of its stages alone. What happens, in which order.

All have one signature, and one factory makes them. A stage's flow is an attribute of this module under the stage's
name, also where the stage was added from outside; Prefect finds it there.

What takes seconds to import is imported by the runs themselves: a run that was asked for has Ray and its actors come up
meanwhile.

No ``from __future__ import annotations`` in a module with flows: Prefect could not resolve their parameters' types.
"""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import Flow, flow

from blindspots.device import resolved_device
from blindspots.errors import InputError
from flows.operating import plain_log
from flows.operating.form import (
    DEFAULT_ROOT,
    DEFAULT_STUDY,
    Changes,
    DataFolder,
    Device,
    InFull,
    Root,
    StudyName,
    Workers,
    check_root,
    wanted_study,
)
from flows.operating.run_name import is_deployed, of_study, run_name
from tasks.actors import workers as actors
from tasks.actors.resources import are_elsewhere, default_workers

if TYPE_CHECKING:
    from flows.session import Session

Result = TypeVar("Result")

plain_log.install()


def _flow(name: str, does: str, body: Callable[["Session"], Result], *, whole: bool = False) -> Flow[..., Result]:
    """Return the flow ``name``: it enters the run of a study, or the one that is open, and does ``body`` with it."""

    def run(
        study: StudyName = DEFAULT_STUDY,
        changes: Changes = (),
        root: Root = DEFAULT_ROOT,
        workers: Workers = None,
        device: Device = "auto",
        data: DataFolder = None,
        unrolled: InFull = None,
    ) -> Result:
        if is_deployed():
            check_root(root)
        wanted = wanted_study(study, changes, unrolled)
        with _hired(workers, device, early=whole and is_deployed()) as hired:
            from flows.session import session

            with session(wanted, root, hired, device, data) as running:
                return body(running)

    run.__name__ = run.__qualname__ = name  # Prefect finds a flow by its module and this name
    run.__doc__ = does
    return flow(name=name, flow_run_name=run_name(name, of_study), validate_parameters=True)(run)


@contextmanager
def _hired(count: int | None, device: str, *, early: bool) -> Iterator[actors.Workers]:
    """Yield a run's workers, which are closed with it; ``early``: Ray and its actors come up from now on.

    Who asked for a run waits for its first job, and all that has to be imported for it takes these and this process
    as long as Ray itself.
    """
    if count is not None and count < 1:
        raise InputError(f"workers = {count}: at least one is needed")
    hired = actors.Workers(count or default_workers())
    try:
        if early:
            hired.start()
            hired.compute_on(resolved_device(device, elsewhere=are_elsewhere()))
        yield hired
    finally:
        hired.close()


@cache
def stage_flow(stage: str) -> Flow[..., str]:
    """Return the flow that runs one stage alone; raise :class:`~blindspots.errors.InputError` for an unknown one."""
    from blindspots.jobs.stage import STAGES

    def body(running: "Session") -> str:
        from flows.order import one_stage

        return one_stage(running, stage)

    return _flow(stage, STAGES.find(stage).does, body)


def _whole(running: "Session") -> dict[str, Any]:
    from flows.order import whole_study

    return whole_study(running, stage_flow)


study_flow = _flow(
    "study",
    "Run a study: train its models, make and show their sets, bound their layers, draw the tables.\n\n"
    "What the store has already is kept, so a run that was stopped goes on where it was. A job that fails stops none "
    "that does not read what it would have made; the run then ends as failed. Returns how many jobs and shards were "
    "done, and where.",
    _whole,
    whole=True,
)


def __getattr__(name: str) -> Flow[..., Any]:
    """Return the flow of the stage ``name``, as Prefect asks for it, or that of the whole study."""
    if name == "study":
        return study_flow
    if not name.startswith("_"):  # what Python itself asks of a module
        from blindspots.jobs.stage import STAGES

        if name in STAGES:
            return stage_flow(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
