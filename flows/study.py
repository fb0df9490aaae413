"""The flows: a study, and each of its stages alone. What happens, in which order.

All have one signature, and one factory makes them. A stage's flow is an attribute of this module under the stage's
name, also where the stage was added from outside; Prefect finds it there.

No ``from __future__ import annotations`` in a module with flows: Prefect could not resolve their parameters' types.
"""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any, TypeVar

from prefect import Flow, flow
from prefect.logging import get_run_logger
from prefect.task_runners import ThreadPoolTaskRunner

from blindspots.errors import StageFailedError
from blindspots.jobs.stage import STAGES, TABLES
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
from flows.operating.page import publish
from flows.operating.run_name import is_deployed, of_study, run_name
from flows.operating.whole_progress import shown
from flows.session import Session, session
from flows.stages import run_stage

Result = TypeVar("Result")

plain_log.install()

_WAITING_JOBS = 4  # so that an actor that gets free finds its next shard waiting
_MOST_ROUNDS = 3  # a shard that is damaged again each time it is made tells of a disk that is failing


def _flow(name: str, does: str, body: Callable[[Session], Result]) -> Flow[..., Result]:
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
        with session(wanted_study(study, changes, unrolled), root, workers, device, data) as running:
            return body(running)

    run.__name__ = run.__qualname__ = name  # Prefect finds a flow by its module and this name
    run.__doc__ = does
    return flow(name=name, flow_run_name=run_name(name, of_study), validate_parameters=True)(run)


@cache
def stage_flow(stage: str) -> Flow[..., str]:
    """Return the flow that runs one stage alone; raise :class:`~blindspots.errors.InputError` for an unknown one."""

    def body(running: Session) -> str:
        if running.whole or not running.watched:
            return run_stage(running, stage)
        with shown(running, stage):
            said = run_stage(running, stage)
        if stage == TABLES:
            publish(running, report=is_deployed())
        return said

    return _flow(stage, STAGES.find(stage).does, body)


def _study(running: Session) -> dict[str, Any]:
    running.whole = True
    if running.plan.needs_workers:
        running.workers.start()  # which takes seconds, in which the server hears of this run
    with shown(running):
        outcome = _all_stages(running)
    publish(running, report=is_deployed())
    return outcome


def _all_stages(running: Session) -> dict[str, Any]:
    failures: list[str] = []
    log = get_run_logger()
    log.info("study %s in %s on %s", running.workspace.study.name, running.workspace.place, running.workspace.device)
    for _ in range(_MOST_ROUNDS):
        failures += _stages(running)
        if not running.sent_back:
            break
        log.warning("%s met damage in what they read, which is made again", ", ".join(sorted(running.sent_back)))
        running.plan_again()
    else:
        failures.append("what was made again was damaged again; look at the disk")
    if failures:
        raise StageFailedError("; ".join(failures))
    seconds = perf_counter() - running.started
    busy = max(running.workers.busy.values(), default=0.0)
    log.info("%.1f s in all, of which the busiest worker computed %.1f s", seconds, busy)
    return {
        "root": str(running.workspace.place),
        "jobs": len(running.ran),
        "shards": sum(map(len, running.ran.values())),
        "ran": {key: list(shards) for key, shards in running.ran.items()},
        "seconds": round(seconds, 2),
        "busiest_worker_seconds": round(busy, 2),
    }


def _stages(running: Session) -> list[str]:
    """Run every stage as a flow of its own; return what failed."""
    failures = []
    workspace = running.workspace
    runner: Any = ThreadPoolTaskRunner(max_workers=running.workers.count + _WAITING_JOBS)
    for stage in STAGES:
        try:
            stage_flow(stage).with_options(task_runner=runner)(
                study=None, unrolled=workspace.study, root=str(workspace.place), device=workspace.device
            )
        except StageFailedError as error:
            failures.append(str(error))
    return failures


study_flow = _flow(
    "study",
    "Run a study: train its models, make and show their sets, bound their layers, draw the tables.\n\n"
    "What the store has already is kept, so a run that was stopped goes on where it was. A job that fails stops none "
    "that does not read what it would have made; the run then ends as failed. Returns how many jobs and shards were "
    "done, and where.",
    _study,
)


def __getattr__(name: str) -> Flow[..., Any]:
    """Return the flow of the stage ``name``, as Prefect asks for it, or that of the whole study."""
    if name == "study":
        return study_flow
    if name in STAGES:
        return stage_flow(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
