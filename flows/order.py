"""What happens in a run, and in which order: stage after stage, again where damage was met, and then its page."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from collections.abc import Callable
from time import perf_counter
from typing import Any

from prefect import Flow
from prefect.logging import get_run_logger
from prefect.task_runners import ThreadPoolTaskRunner

from blindspots.errors import StageFailedError
from blindspots.jobs.plan import left_over
from blindspots.jobs.stage import STAGES, TABLES
from flows.operating.page import publish
from flows.operating.run_name import is_deployed
from flows.operating.whole_progress import shown
from flows.session import Session
from flows.stages import run_stage

StageFlows = Callable[[str], Flow[..., str]]
"""Gives the flow of a stage by its name."""

_WAITING_JOBS = 4  # so that an actor that gets free finds its next shard waiting
_MOST_ROUNDS = 3  # a shard that is damaged again each time it is made tells of a disk that is failing


def one_stage(running: Session, stage: str) -> str:
    """Do what is to do of a stage; show on its flow's own page how far it is, unless it is part of a whole."""
    if running.whole or not running.watched:
        return run_stage(running, stage)
    with shown(running, stage):
        said = run_stage(running, stage)
    if stage == TABLES:
        publish(running, report=is_deployed())
    return said


def whole_study(running: Session, flow_of: StageFlows) -> dict[str, Any]:
    """Run every stage as a flow of its own, and show on the page of the whole what came of it.

    Returns how many jobs and shards were done. Raises :class:`~blindspots.errors.StageFailedError` where jobs failed.
    """
    running.whole = True
    if running.plan.needs_workers:
        running.workers.start()  # which takes seconds, in which the server hears of this run
    with shown(running):
        outcome = _all_stages(running, flow_of)
    publish(running, report=is_deployed())
    return outcome


def _all_stages(running: Session, flow_of: StageFlows) -> dict[str, Any]:
    failures: list[str] = []
    log = get_run_logger()
    log.info("study %s in %s on %s", running.workspace.study.name, running.workspace.place, running.workspace.device)
    for _ in range(_MOST_ROUNDS):
        failures += _stages(running, flow_of)
        sent_back = ", ".join(sorted(running.sent_back))
        if sent_back:
            log.warning("%s met damage in what they read, which is made again", sent_back)
        elif failures:
            break
        if running.plan_again():
            break
    else:
        failures.append(
            "what was made again was damaged again; look at the disk" if sent_back else left_over(running.plan)
        )
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


def _stages(running: Session, flow_of: StageFlows) -> list[str]:
    """Run every stage that the study has jobs of as a flow of its own; return what failed."""
    failures = []
    workspace = running.workspace
    runner: Any = ThreadPoolTaskRunner(max_workers=running.workers.count + _WAITING_JOBS)
    for stage in STAGES:
        if not running.plan.stage(stage):
            continue
        try:
            flow_of(stage).with_options(task_runner=runner)(
                study=None, unrolled=workspace.study, root=str(workspace.place), device=workspace.device
            )
        except StageFailedError as error:
            failures.append(str(error))
    return failures
