"""How far a run is, and how long the rest takes: each stage at the rate that it was measured at in this run."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic

from blindspots.jobs.job import Progress
from blindspots.study.model_spec import GIVEN
from blindspots.study.study import Study
from flows.operating.tally import StageTally, Tally

_SURE_SECONDS = 15.0
"""How long a run works before it says when it will be over."""
LINEAR, HIDDEN, CONVOLUTIONAL = "linear", "hidden", "convolutional"
_TYPICAL: Mapping[str, Mapping[str, float]] = {
    "train": {LINEAR: 0.0015, HIDDEN: 0.026, CONVOLUTIONAL: 13.0},
    "generate": {LINEAR: 0.0005, HIDDEN: 0.0005, CONVOLUTIONAL: 0.034, "": 0.0001},
    "transfer": {LINEAR: 1.0, HIDDEN: 1.4, CONVOLUTIONAL: 6.0},
    "pools": {"": 60.0},
    "negatives": {LINEAR: 0.014, HIDDEN: 0.029, CONVOLUTIONAL: 0.15},
    "bounds": {LINEAR: 0.05, HIDDEN: 0.45, CONVOLUTIONAL: 0.5, "": 5.0},
    "units": {HIDDEN: 0.03, CONVOLUTIONAL: 0.075},
    "quocnet": {"": 0.5},
    "detectors": {"": 60.0},
    "tables": {"": 5.0},
}
"""Seconds that a unit of a job takes beside those of others, by stage and by the model that it works on: from receipts
of the studies ``mnist`` and ``units``, on one core. What a stage takes in the run itself takes their place as soon as
that is known."""
_ANY = 1.0


class Estimate:
    """How far a run is, out of what is told of its jobs, and how long the rest takes at the pace of this run."""

    def __init__(self, tally: Tally) -> None:
        """Begin with what is done already."""
        self.tally = tally
        self._weights = {key: typical_seconds(tally.study, job.stage, key) for key, job in tally.jobs.items()}
        self._began: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()
        self.at_work = ""

    def note(self, progress: Progress, *, now: float | None = None) -> StageTally:
        """Note what is told of a job and return its stage's tally; ``now`` is a reading of :func:`time.monotonic`."""
        now = monotonic() if now is None else now
        with self._lock:
            stage = self.tally.note(progress)
            self._began.setdefault(progress.stage, self._last.get(self.at_work, now))
            self._last[progress.stage] = now
            self.at_work = progress.stage
        return stage

    def percent(self) -> float:
        """Return how much of the whole is done, each job in its typical share, in percent."""
        with self._lock:
            whole = sum(self._weights[key] * job.total for key, job in self.tally.jobs.items())
            done = sum(
                self._weights[key] * min(job.before + self.tally.moved(key), job.total)
                for key, job in self.tally.jobs.items()
            )
        return 100.0 if whole == 0 else min(100 * done / whole, 100.0)

    def seconds_left(self) -> float | None:
        """Return how long the rest will take, or None where too little has been done to tell.

        A stage that has begun goes on as fast as it was, measured in typical seconds; the others as fast as the run.
        """
        with self._lock:
            moved, left = dict.fromkeys(self.tally.stages, 0.0), dict.fromkeys(self.tally.stages, 0.0)
            for key, job in self.tally.jobs.items():
                done = self.tally.moved(key)
                moved[job.stage] += self._weights[key] * done
                left[job.stage] += self._weights[key] * max(job.total - job.before - done, 0)
            spent = {name: self._last[name] - began for name, began in self._began.items() if moved[name]}
            if sum(spent.values()) < _SURE_SECONDS:
                return None
            pace = sum(spent.values()) / sum(moved[name] for name in spent)
            return sum(
                seconds * (spent[name] / moved[name] if spent.get(name) else pace) for name, seconds in left.items()
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
            words.append(f"about {duration(left)} left, until {end:%H:%M} UTC")
        return "; ".join(words) or "beginning"


def typical_seconds(study: Study, stage: str, key: str) -> float:
    """Return what a unit of a job typically takes, beside those of others."""
    there = _TYPICAL.get(stage, {"": _ANY})
    kinds = {spec.name: _kind(spec.network, bool(spec.hidden)) for spec in study.models}
    kind = next((kinds[part] for part in reversed(key.split("/")) if part in kinds), "")
    return there.get(kind, there.get("", there.get(HIDDEN, _ANY)))


def _kind(network: str, hidden: bool) -> str:
    if network in ("convolutional", GIVEN):
        return CONVOLUTIONAL
    return HIDDEN if hidden else LINEAR


def duration(seconds: float) -> str:
    """Return a time as a person says it."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute"
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
