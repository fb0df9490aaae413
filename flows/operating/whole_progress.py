"""How far a run is, as the one thing on its page in Prefect that moves: a percentage, and when it will be over."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from blindspots.jobs.job import Progress
from flows.operating.page import artifact_key
from flows.operating.tally import StageTally, Tally
from flows.session import Session

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 3.0
_SURE_SECONDS = 15.0
"""How long a run works before it says when it will be over."""
_TYPICAL = {
    "train": 0.02,
    "generate": 0.003,
    "transfer": 1.0,
    "pools": 60.0,
    "negatives": 20.0,
    "bounds": 5.0,
    "units": 0.3,
    "quocnet": 0.5,
    "detectors": 60.0,
    "tables": 5.0,
}
"""Seconds that a unit of each stage takes beside those of others, roughly: from receipts of the built-in studies. What
a stage takes in the run itself takes their place as soon as that is known."""
_ANY = 1.0


class Estimate:
    """How far a run is, out of what is told of its jobs, and how long the rest takes at the pace of this run."""

    def __init__(self, tally: Tally) -> None:
        """Begin with what is done already."""
        self.tally = tally
        self._began: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()
        self.at_work = ""

    def note(self, progress: Progress, *, now: float | None = None) -> None:
        """Note what is told of a job; ``now`` is a reading of :func:`time.monotonic`."""
        now = monotonic() if now is None else now
        with self._lock:
            self.tally.note(progress)
            self._began.setdefault(progress.stage, self._last.get(self.at_work, now))
            self._last[progress.stage] = now
            self.at_work = progress.stage

    def percent(self) -> float:
        """Return how much of the whole is done, each stage in its typical share, in percent."""
        with self._lock:
            whole = sum(self._typical(name) * stage.total for name, stage in self.tally.stages.items())
            done = sum(self._typical(name) * stage.done for name, stage in self.tally.stages.items())
        return 100.0 if whole == 0 else 100 * done / whole

    def seconds_left(self) -> float | None:
        """Return how long the rest will take, or None where too little has been done to tell."""
        with self._lock:
            spent = {name: self._last[name] - began for name, began in self._began.items()}
            known = {name: seconds for name, seconds in spent.items() if self.tally.stages[name].moved and seconds > 0}
            if sum(known.values()) < _SURE_SECONDS:
                return None
            typical = sum(self._typical(name) * self.tally.stages[name].moved for name in known)
            pace = sum(known.values()) / typical
            return sum(
                (stage.total - stage.done)
                * (known[name] / stage.moved if name in known else self._typical(name) * pace)
                for name, stage in self.tally.stages.items()
            )

    def said(self, *, now: datetime | None = None) -> str:
        """Return in a line what is at work, and when all will be done."""
        words = []
        if self.at_work:
            stage: StageTally = self.tally.stages[self.at_work]
            words.append(f"{self.at_work}: {stage.done:,} of {stage.total:,} {stage.unit}")
        left = self.seconds_left()
        if left is not None:
            end = (datetime.now(UTC) if now is None else now) + timedelta(seconds=left)
            words.append(f"about {_duration(left)} left, until {end:%H:%M} UTC")
        return "; ".join(words) or "beginning"

    @staticmethod
    def _typical(stage: str) -> float:
        return _TYPICAL.get(stage, _ANY)


def _duration(seconds: float) -> str:
    """Return a time as a person says it."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute"
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


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
    estimate = Estimate(tally)
    before = running.observer

    def observe(progress: Progress) -> None:
        estimate.note(progress)
        before(progress)

    key = artifact_key(running.workspace, "progress")
    created: Any = create_progress_artifact(estimate.percent(), key=key, description=estimate.said())
    over, well = threading.Event(), threading.Event()
    teller = threading.Thread(target=_tell, args=(created, estimate, over, well), daemon=True, name="progress")
    teller.start()
    running.observer = observe
    try:
        yield
        well.set()
    finally:
        running.observer = before
        over.set()
        teller.join(_EVERY_SECONDS)  # and no longer: where the server is gone, it has nothing to wait for


def _tell(artifact: UUID, estimate: Estimate, over: threading.Event, well: threading.Event) -> None:
    while not over.wait(_EVERY_SECONDS):
        _update(artifact, estimate.percent(), estimate.said())
    if well.is_set():
        _update(artifact, 100.0, "done")
    else:
        _update(artifact, estimate.percent(), f"ended; {estimate.said().partition(';')[0]}")


def _update(artifact: UUID, percent: float, said: str) -> None:
    """Bring the artifact up to date, where the server answers: a run does not fail for what tells of it."""
    try:
        update_progress_artifact(artifact, progress=round(percent, 1), description=said)
    except Exception as error:
        logger.debug("the progress cannot be shown: %s", error)
