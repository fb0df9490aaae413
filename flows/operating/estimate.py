"""How far a run is, and how long the rest takes: each stage at the rate that it was measured at in this run."""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from blindspots.jobs.job import Progress
from blindspots.study.model_spec import GIVEN, ModelSpec
from blindspots.study.study import Study
from flows.operating.tally import JobTally, StageTally, Tally

_SURE_SECONDS = 15.0
"""How long a run works before it says when it will be over."""
LINEAR, HIDDEN, CODES, CONVOLUTIONAL = "linear", "hidden", "codes", "convolutional"
_TYPICAL: Mapping[str, Mapping[str, float]] = {
    "train": {CONVOLUTIONAL: 0.13},
    "generate": {LINEAR: 0.0007, HIDDEN: 0.0009, CODES: 0.002, CONVOLUTIONAL: 0.05, "": 0.0001},
    "transfer": {LINEAR: 0.00002, HIDDEN: 0.00003, CODES: 0.00003, CONVOLUTIONAL: 0.00015},
    "pools": {"": 60.0},
    "negatives": {LINEAR: 0.007, HIDDEN: 0.014, CODES: 0.016, CONVOLUTIONAL: 0.07},
    "certified": {LINEAR: 0.01, HIDDEN: 0.2, CODES: 1.4, CONVOLUTIONAL: 4.0},
    "bounds": {"": 0.07},
    "units": {HIDDEN: 0.03, CONVOLUTIONAL: 0.075},
    "quocnet": {"": 0.5},
    "detectors": {"": 60.0},
    "tables": {"": 4.0},
}
"""Seconds of a core, by stage and by the model that is worked on: of an epoch over 1000 images in training; of an
image in a set, in a proof (certified) or shown to a model (transfer); of 100 directions from an image (negatives); of a
job elsewhere, twice for tables, which leave the other cores idle. From receipts of the studies ``mnist``, ``quick`` and
``units``. What a stage takes in the run itself takes their place as soon as that is known."""
_VALUES = 28 * 28
"""Of the images that these were measured with. A network takes as much longer for an image as that has more values."""
_WHATEVER_THE_IMAGE = ("units", "spectral")
"""What the keys of jobs begin with that look at images once or not at all."""
_AN_IMAGE, _A_WEIGHT, _AS_IMAGES = 1.0e-6, 6.0e-11, 2000
"""Seconds of an iteration of L-BFGS, for each image and for each image and weight; and what it costs whatever the
images, in images. Measured on 10 000 and 60 000 images with networks of 8 000 to 600 000 weights, all cores busy."""
_ITERATIONS: Mapping[str, int] = {LINEAR: 30, HIDDEN: 160}
"""After how many iterations trainings have mostly converged, whatever their limit; convolutional ones do all epochs."""
_OWN = 0.2
"""Of a stage: what it is taken to have done at the run's pace when it begins. A few jobs of its own say little."""
_KNOWN, _KNOWN_SHARE = 20.0, 0.05
"""Typical seconds that a run is taken to have done at the typical pace when it begins, and which share of it at most:
its first iterations are of one kind of job, on a machine that is just getting warm."""
_PAIR = 0.08
"""Seconds that a pair of source and target takes whatever is shown: what it finds is written, read back and hashed."""
_ANY = 1.0


@dataclass(frozen=True)
class Worth:
    """What the units of a job come to, in seconds beside those of others; those beyond ``most`` come to nothing."""

    a_unit: float
    most: float = math.inf

    def of(self, units: float) -> float:
        """Return what the first ``units`` come to."""
        return self.a_unit * min(units, self.most)


class Estimate:
    """How far a run is, out of what is told of its jobs, and how long the rest takes at the pace of this run."""

    def __init__(self, tally: Tally, *, workers: int = 1) -> None:
        """Begin with what is done already; ``workers``: how many work at once."""
        self.tally = tally
        self._worth = {
            key: typical_seconds(
                tally.study, job.stage, key, images=tally.images(key), values=tally.values, classes=tally.classes
            )
            for key, job in tally.jobs.items()
        }
        whole = sum(self._worth[key].of(job.total) for key, job in tally.jobs.items())
        self._known = min(_KNOWN, _KNOWN_SHARE * whole)
        self._typical_pace = 1 / workers
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

    def worked(self, stage: str) -> float:
        """Return for how many seconds a stage has been at work, as of when it was last told of."""
        with self._lock:
            return self._last.get(stage, 0.0) - self._began.get(stage, 0.0)

    def percent(self) -> float:
        """Return how much of the whole is done, each job in its typical share, in percent."""
        with self._lock:
            whole = sum(self._worth[key].of(job.total) for key, job in self.tally.jobs.items())
            done = sum(self._worth[key].of(self._done(key, job)) for key, job in self.tally.jobs.items())
        return 100.0 if whole == 0 else min(100 * done / whole, 100.0)

    def share(self, stage: str) -> float:
        """Return how much of a stage is done, each job in its typical share, of 1."""
        with self._lock:
            jobs = {key: self.tally.jobs[key] for key in self.tally.stages[stage].keys}
            whole = sum(self._worth[key].of(job.total) for key, job in jobs.items())
            done = sum(self._worth[key].of(self._done(key, job)) for key, job in jobs.items())
        return 1.0 if whole == 0 else done / whole

    def seconds_left(self) -> float | None:
        """Return how long the rest will take, or None where too little has been done to tell.

        A stage that has begun goes on as fast as it was, measured in typical seconds, the more surely the more of it is
        done; the others as fast as the run, which is taken to have begun at the typical pace.
        """
        with self._lock:
            moved, left = dict.fromkeys(self.tally.stages, 0.0), dict.fromkeys(self.tally.stages, 0.0)
            for key, job in self.tally.jobs.items():
                worth, done = self._worth[key], self._done(key, job)
                moved[job.stage] += worth.of(done) - worth.of(job.before)
                left[job.stage] += worth.of(job.total) - worth.of(done)
            spent = {name: self._last[name] - began for name, began in self._began.items() if moved[name]}
            if sum(spent.values()) < _SURE_SECONDS:
                return None
            known = self._known
            pace = (sum(spent.values()) + known * self._typical_pace) / (sum(moved[name] for name in spent) + known)
            told = {name: _OWN * (moved[name] + seconds) for name, seconds in left.items()}
            return sum(
                seconds * (spent.get(name, 0.0) + told[name] * pace) / (moved[name] * (name in spent) + told[name])
                for name, seconds in left.items()
                if seconds
            )

    def _done(self, key: str, job: JobTally) -> int:
        """Return what is done of a job in all."""
        return min(job.before + self.tally.moved(key), job.total)

    def said(self, *, now: datetime | None = None) -> str:
        """Return in a line what is at work, and when all will be done."""
        words = []
        if self.at_work:
            done, total, unit = self.tally.counted(self.at_work)
            words.append(f"{self.at_work}: {done:,} of {total:,} {unit}")
        left = self.seconds_left()
        if left is not None:
            end = (datetime.now(UTC) if now is None else now) + timedelta(seconds=left)
            words.append(f"about {duration(left)} left, until {end:%H:%M} UTC")
        return "; ".join(words) or "beginning"


def typical_seconds(
    study: Study, stage: str, key: str, *, images: int = 1000, values: int = _VALUES, classes: int = 10
) -> Worth:
    """Return what the units of a job are typically worth, beside those of others.

    ``images``: of those that a model is trained on, or that it is shown; ``values``: of an image; ``classes``: of all.
    """
    begins, *_ = parts = key.split("/")
    named = {spec.name: spec for spec in study.models}
    spec = next((named[part] for part in reversed(parts) if part in named), None)
    if stage == "train" and spec is not None and spec.network == GIVEN:
        return Worth(_ANY)  # its weights are read
    kind = "" if spec is None else _kind(spec.network, bool(spec.hidden))
    there = _TYPICAL.get(begins, _TYPICAL.get(stage, {"": _ANY}))  # some stages have jobs of two sorts
    if stage == "train" and spec is not None and kind != CONVOLUTIONAL:
        return _of_iterations(study, spec, kind, images, spec.weights((values,), classes))
    rate = there.get(kind, there.get("", there.get(HIDDEN, _ANY)))
    if kind and begins not in _WHATEVER_THE_IMAGE:
        rate *= values / _VALUES
    if stage == "train":
        return Worth(rate * images / 1000)
    if stage == "transfer":
        return Worth(_PAIR + rate * images)
    if stage == "negatives":
        return Worth(rate * study.negatives.directions / 100)
    return Worth(rate)


def _of_iterations(study: Study, spec: ModelSpec, kind: str, images: int, weights: int) -> Worth:
    """Return what the training of a network of fully connected layers is worth, of iterations or of epochs."""
    # an autoencoder has as many weights above its codes as below, and what follows it is next to nothing
    weights = 2 * weights if kind == CODES else weights
    rate = (_AN_IMAGE + _A_WEIGHT * weights) * (images + _AS_IMAGES)
    if kind == CODES:
        return Worth(rate, study.training.autoencoder.iterations)
    return Worth(rate, math.inf if spec.by_minibatches or spec.in_rounds else _ITERATIONS[kind])


def _kind(network: str, hidden: bool) -> str:
    if network in ("convolutional", GIVEN):
        return CONVOLUTIONAL
    return CODES if network == "autoencoder" else HIDDEN if hidden else LINEAR


def duration(seconds: float) -> str:
    """Return a time as a person says it."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute"
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
