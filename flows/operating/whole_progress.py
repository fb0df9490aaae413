"""How far a run is, as the one thing on its page in Prefect that moves: a percentage, and when it will be over."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from blindspots.jobs.job import Progress
from flows.operating.estimate import Estimate
from flows.operating.page import artifact_key
from flows.operating.tally import Tally
from flows.session import Session

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 3.0


@contextmanager
def shown(running: Session, *stages: str) -> Iterator[None]:
    """Show on the page of the flow that calls this how far the run is, while the block runs, in one artifact.

    ``stages``: those that it runs; without any, all. What the run's observer was told before it is told still. Where
    nothing is to do, or nobody can look, nothing is shown.
    """
    tally = Tally(running.workspace, running.plan, stages or None)
    if not running.watched or all(stage.done == stage.total for stage in tally.stages.values()):
        yield
        return
    estimate = Estimate(tally, workers=running.workers.count)
    before = running.observer

    def observe(progress: Progress) -> None:
        estimate.note(progress)
        before(progress)

    key = artifact_key(running.workspace, "progress")
    artifact = _begun(key, estimate)
    over, well = threading.Event(), threading.Event()
    teller = threading.Thread(target=_tell, args=(artifact, estimate, over, well), daemon=True, name="progress")
    teller.start()
    running.observer = observe
    try:
        yield
        well.set()
    finally:
        running.observer = before
        over.set()
        teller.join(_EVERY_SECONDS)  # and no longer: where the server is gone, it has nothing to wait for


def _begun(key: str, estimate: Estimate) -> UUID | None:
    """Return the artifact that shows how far a run is, None where the server makes none by now."""
    try:
        created: Any = create_progress_artifact(estimate.percent(), key=key, description=estimate.said())
    except Exception as error:
        logger.debug("the progress cannot be shown: %s", error)
        return None
    found: UUID = created
    return found


def _tell(artifact: UUID | None, estimate: Estimate, over: threading.Event, well: threading.Event) -> None:
    while not over.wait(_EVERY_SECONDS):
        _update(artifact, estimate.percent(), estimate.said())
    if well.is_set():
        _update(artifact, 100.0, "done")
    else:
        _update(artifact, estimate.percent(), f"ended; {estimate.said().partition(';')[0]}")


def _update(artifact: UUID | None, percent: float, said: str) -> None:
    """Bring the artifact up to date, where the server answers: a run does not fail for what tells of it."""
    if artifact is None:
        return
    try:
        update_progress_artifact(artifact, progress=round(percent, 1), description=said)
    except Exception as error:
        logger.debug("the progress cannot be shown: %s", error)
