"""Bringing one stage of a run to an end: its jobs as Prefect tasks, what fails, what is left out."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from typing import Any

from prefect.logging import get_run_logger
from prefect.client.schemas.objects import State

from blindspots.device import is_here
from blindspots.errors import InputError, StageFailedError
from blindspots.jobs.job import Job
from blindspots.jobs.plan import Outstanding, wave_work, waves
from flows.session import Session
from tasks.actors.here import Here
from tasks.run_job import SENT_BACK, run_job


def run_stage(running: Session, stage: str) -> str:
    """Do what is to do of a stage and return a line about it.

    Raises :class:`~blindspots.errors.StageFailedError` where jobs failed after all their retries; the others are done
    and kept.
    """
    log = get_run_logger()
    _check_inputs(running, stage)
    done, failed = 0, dict[str, str]()
    for wave in waves(running.plan.stage(stage)):
        for missed, why in ((running.failed, "failed"), (running.sent_back, "is made again")):
            blocked = [job.key for job in wave if missed.intersection(job.inputs)]
            missed.update(blocked)
            if blocked:
                log.warning(
                    "%d job(s) are left out, since they read what %s: %s", len(blocked), why, ", ".join(blocked)
                )
        work = wave_work(running.workspace, running.plan, wave, without=running.failed | running.sent_back)
        if work:
            log.info("%d job(s), %d shard(s) to do", len(work), sum(len(item.shards) for item in work))
            failed_here = _run_wave(running, work)
            failed |= failed_here
            running.failed.update(failed_here)
            done += len(work)
    running.settled.add(stage)
    if failed:
        raise StageFailedError(
            f"{len(failed)} of {done} job(s) of the stage {stage} failed, and what is done is kept: "
            + ", ".join(f"{key} ({why})" if why else key for key, why in failed.items())
        )
    if not done:
        log.info("nothing to do")
        return f"{stage}: nothing to do"
    return f"{stage}: {done} job(s) done"


def _run_wave(running: Session, work: list[Outstanding]) -> dict[str, str]:
    """Have the work done side by side; return why jobs failed, by their keys."""
    here = Here(running.workspace, running.workers)
    if any(item.job.needs_worker for item in work):
        running.workers.wait()
    divided = sum(item.job.divides for item in work)
    doers = [_doer(running, here, item.job, divided=divided) for item in work]
    runs = [
        (item, run_job.submit(item.job.key, item, doer, running.observer))
        for item, doer in zip(work, doers, strict=True)
    ]
    failed: dict[str, str] = {}
    for item, future in runs:
        try:
            future.wait()
        except BaseException:  # Ctrl-C or a cancellation: Prefect then waits for its tasks, and they for the actors
            running.workers.stop()
            raise
        if not future.state.is_completed():
            failed[item.job.key] = _reason(future.state)
        elif future.state.name == SENT_BACK:
            running.sent_back.add(item.job.key)
        else:
            before = running.ran.get(item.job.key, ())
            running.ran[item.job.key] = tuple(sorted({*before, *item.shards}))
    return failed


def _doer(running: Session, here: Here, job: Job, *, divided: int) -> Any:
    """Return who does a job: one that is divided is led from here where its device is, and done by an actor else.

    ``divided``: how many such jobs are done side by side.
    """
    alone = divided == 1 or running.workers.count == 1
    led = job.divides and (alone or job.divides_beside_others) and is_here(running.workspace.device)
    return running.workers if job.needs_worker and not led else here


def _reason(state: State) -> str:
    """Return the last line of what a task failed with: for an actor's failure, what the job raised."""
    try:
        state.result()
    except BaseException as error:  # whatever a job raises, or Prefect for one that was cancelled
        cause = getattr(error, "cause", None) or error
        lines = str(cause).strip().splitlines()
        return f"{type(cause).__name__}: {lines[-1]}" if lines else type(cause).__name__
    return ""


def _check_inputs(running: Session, stage: str) -> None:
    """Raise :class:`InputError` where a stage that is run alone lacks what the stages before it make."""
    wanted = {key for job in running.plan.stage(stage) for key in job.inputs}
    for job in running.plan.jobs:
        elsewhere = job.stage != stage and job.stage not in running.settled
        if job.key in wanted and elsewhere and not running.plan.is_done(job):
            raise InputError(f"the stage {stage} reads {job.key}, which is not done; run the stage {job.stage} first")
