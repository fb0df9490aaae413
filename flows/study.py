"""The flows: a study, and each of its stages alone. What happens, in which order.

No ``from __future__ import annotations`` in a module with flows: Prefect could not resolve their parameters' types.
"""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from time import perf_counter
from typing import Annotated, Any, Literal

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger
from prefect.states import State
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from blindspots.errors import InputError, StageFailedError
from blindspots.jobs.job import Stage
from blindspots.jobs.plan import stage_work
from blindspots.results.tree import open_study
from blindspots.study.built_in import QUICK
from blindspots.study.study import Study
from blindspots.tables import build_table, drawn_for, render
from flows.session import Session, session
from tasks.actors.here import Here
from tasks.run_job import run_job

Root = Annotated[str, Field(min_length=1, description="Folder of the store")]
Workers = Annotated[int, Field(ge=1, le=4096, description="Ray actors; empty for one a core")] | None
Device = Annotated[
    Literal["auto", "cpu", "cuda"], Field(description="Kind of device; auto takes cuda where there is one")
]
DataFolder = Annotated[str, Field(description="Folder with the data set's files; empty for the usual places")] | None

DEFAULT_ROOT = "blindspots-study"
_WAITING_JOBS = 4  # so that an actor that gets free finds its next shard waiting


@flow(name="train", flow_run_name="train {study.name}", validate_parameters=True)
def train(
    study: Study = QUICK,
    root: Root = DEFAULT_ROOT,
    workers: Workers = None,
    device: Device = "auto",
    data: DataFolder = None,
) -> str:
    """Train every model of the study."""
    with session(study, root, workers, device, data) as running:
        return _run_stage(running, Stage.TRAIN)


@flow(name="generate", flow_run_name="generate {study.name}")
def generate(
    study: Study = QUICK,
    root: Root = DEFAULT_ROOT,
    workers: Workers = None,
    device: Device = "auto",
    data: DataFolder = None,
) -> str:
    """Make every adversarial and reference set of the study."""
    with session(study, root, workers, device, data) as running:
        return _run_stage(running, Stage.GENERATE)


@flow(name="transfer", flow_run_name="transfer {study.name}")
def transfer(
    study: Study = QUICK,
    root: Root = DEFAULT_ROOT,
    workers: Workers = None,
    device: Device = "auto",
    data: DataFolder = None,
) -> str:
    """Show every set to every model."""
    with session(study, root, workers, device, data) as running:
        return _run_stage(running, Stage.TRANSFER)


@flow(name="negatives", flow_run_name="negatives {study.name}")
def negatives(
    study: Study = QUICK,
    root: Root = DEFAULT_ROOT,
    workers: Workers = None,
    device: Device = "auto",
    data: DataFolder = None,
) -> str:
    """Show every model images moved in random directions, at multiples of their least distortions."""
    with session(study, root, workers, device, data) as running:
        return _run_stage(running, Stage.NEGATIVES)


@flow(name="bounds", flow_run_name="bounds {study.name}")
def bounds(
    study: Study = QUICK,
    root: Root = DEFAULT_ROOT,
    workers: Workers = None,
    device: Device = "auto",
    data: DataFolder = None,
) -> str:
    """Bound how far every layer of every model can spread two inputs apart."""
    with session(study, root, workers, device, data) as running:
        return _run_stage(running, Stage.BOUNDS)


@flow(name="tables", flow_run_name="tables {study.name}")
def tables(
    study: Study = QUICK,
    root: Root = DEFAULT_ROOT,
    workers: Workers = None,
    device: Device = "auto",
    data: DataFolder = None,
) -> str:
    """Draw the paper's tables out of the store and publish them as artifacts."""
    with session(study, root, workers, device, data) as running:
        said = _run_stage(running, Stage.TABLES)
        if running.failed:  # tables are drawn from all that a study makes
            return said
        with open_study(running.workspace.root, lazy=False) as tree:
            for name in drawn_for(study):
                _publish(name, build_table(name, tree, study), study)
        return said


_FLOWS = {
    Stage.TRAIN: train,
    Stage.GENERATE: generate,
    Stage.TRANSFER: transfer,
    Stage.NEGATIVES: negatives,
    Stage.BOUNDS: bounds,
    Stage.TABLES: tables,
}


@flow(name="study", flow_run_name="study {study.name}")
def study_flow(
    study: Study = QUICK,
    root: Root = DEFAULT_ROOT,
    workers: Workers = None,
    device: Device = "auto",
    data: DataFolder = None,
) -> dict[str, Any]:
    """Run a study: train its models, make and show their sets, bound their layers, draw the tables.

    What the store has already is kept, so a run that was stopped goes on where it was. A job that fails stops none
    that does not read what it would have made; the run then ends as failed. Returns how many jobs and shards were
    done, and where.
    """
    with session(study, root, workers, device, data) as running:
        failures: list[str] = []
        log = get_run_logger()
        log.info("study %s in %s on %s", study.name, running.workspace.root, running.workspace.device)
        for stage_flow in _FLOWS.values():
            with_threads = stage_flow.with_options(
                task_runner=ThreadPoolTaskRunner(max_workers=running.pool.workers + _WAITING_JOBS)  # type: ignore[arg-type]
            )
            try:
                with_threads(study=study, root=root, workers=workers, device=device, data=data)
            except StageFailedError as error:
                failures.append(str(error))
        if failures:
            raise StageFailedError("; ".join(failures))
        seconds = perf_counter() - running.started
        busy = max(running.pool.busy.values(), default=0.0)
        log.info("%.1f s in all, of which the busiest worker computed %.1f s", seconds, busy)
        return {
            "root": str(running.workspace.root),
            "jobs": len(running.ran),
            "shards": sum(map(len, running.ran.values())),
            "ran": {key: list(shards) for key, shards in running.ran.items()},
            "seconds": round(seconds, 2),
            "busiest_worker_seconds": round(busy, 2),
        }


def _run_stage(running: Session, stage: Stage) -> str:
    log = get_run_logger()
    _check_inputs(running, stage)
    blocked = [job.key for job in running.plan.stage(stage) if running.failed.intersection(job.inputs)]
    running.failed.update(blocked)
    work = stage_work(running.workspace, running.plan, stage, without=running.failed)
    if blocked:
        log.warning("%d job(s) are left out, since they read what failed: %s", len(blocked), ", ".join(blocked))
    if not work:
        running.settled.add(stage)
        log.info("nothing to do")
        return f"{stage}: nothing to do"
    log.info("%d job(s), %d shard(s) to do", len(work), sum(len(item.shards) for item in work))
    pool = Here(running.workspace) if stage is Stage.TABLES else running.pool
    pool.wait()
    runs = [(item, run_job.submit(item.job.key, item, pool, running.observer)) for item in work]
    failed: dict[str, str] = {}
    for item, future in runs:
        try:
            future.wait()
        except BaseException:  # Ctrl-C or a cancellation: Prefect then waits for its tasks, and they for the actors
            pool.stop()
            raise
        if _failed(future.state):
            failed[item.job.key] = _reason(future.state)
        else:
            running.ran[item.job.key] = item.shards
    running.settled.add(stage)
    if failed:
        running.failed.update(failed)
        raise StageFailedError(
            f"{len(failed)} of {len(work)} job(s) of the stage {stage} failed, and what is done is kept: "
            + ", ".join(f"{key} ({why})" if why else key for key, why in failed.items())
        )
    return f"{stage}: {len(work)} job(s) done"


def _failed(state: State) -> bool:
    return not state.is_completed()


def _reason(state: State) -> str:
    """Return the last line of what a task failed with: for an actor's failure, what the job raised."""
    try:
        state.result()
    except BaseException as error:  # whatever a job raises, or Prefect for one that was cancelled
        cause = getattr(error, "cause", None) or error
        lines = str(cause).strip().splitlines()
        return f"{type(cause).__name__}: {lines[-1]}" if lines else type(cause).__name__
    return ""


def _check_inputs(running: Session, stage: Stage) -> None:
    """Raise :class:`InputError` where a stage that is run alone lacks what the stages before it make."""
    wanted = {key for job in running.plan.stage(stage) for key in job.inputs}
    for job in running.plan.jobs:
        if job.key in wanted and job.stage not in running.settled and not running.plan.is_done(job):
            raise InputError(f"the stage {stage} reads {job.key}, which is not done; run the stage {job.stage} first")


def _publish(name: int | str, table: Any, study: Study) -> None:
    rows = [{name: "" if value is None else value for name, value in row.items()} for row in _records(table)]
    create_table_artifact(key=f"table-{name}", table=rows, description=f"Table {name}: {table.attrs['title']}")
    create_markdown_artifact(
        key=f"table-{name}-beside-the-paper",
        markdown=render(table, "markdown"),
        description=f"Table {name} of the study {study.name}, beside the paper's where it has one",
    )


def _records(table: Any) -> list[dict[str, Any]]:
    import json

    content = json.loads(render(table, "json"))
    records: list[dict[str, Any]] = content["records"] if isinstance(content, dict) else content
    return records
