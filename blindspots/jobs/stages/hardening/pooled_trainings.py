"""The job of training a model with pools that others make: one round ahead, by whatever hands there are."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from blindspots.device import repeatable
from blindspots.jobs.hands import Hands
from blindspots.jobs.hardening.refresher import StoredRefresher
from blindspots.jobs.hardening.work import PoolWork
from blindspots.jobs.job import Job, Report
from blindspots.jobs.stages.given_models import GivenModel
from blindspots.jobs.stages.trainings import TrainingJob
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.study.study import Study

_one_trainer = threading.Lock()
"""Held by the training under way in this process: several would share one core, and each holds all images."""


@dataclass(frozen=True)
class PooledTraining(TrainingJob):
    """Train in the process that runs the study, while the hands make what the next round puts into the pools.

    Where several are to be trained, each is by a worker of its own: this process trains one at a time, and a trainer
    and its makers wait for each other.
    """

    divides: ClassVar[bool] = True
    divides_beside_others: ClassVar[bool] = False

    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        """Train, one model at a time in a process, and delete what only the training needed."""
        with _one_trainer, repeatable():
            for _ in hands.map(_nothing, [0]):  # a run that was stopped meanwhile says so here, before any work
                pass
            work = self._work(workspace)
            maker = StoredRefresher(work, hands)
            try:
                self._train(workspace, report, maker)
            finally:
                maker.give_up()
            work.clean_up()

    def fit(self, workspace: Workspace) -> None:
        """Delete also what the rounds of a training that is done left."""
        super().fit(workspace)
        if workspace.place.has_folder(layout.pool_work(self.model, self.seed)) and all(self.done(workspace)):
            self._work(workspace).clean_up()

    def _work(self, workspace: Workspace) -> PoolWork:
        return PoolWork(workspace, self.model, self.seed, self.identity(workspace, 0))


def _nothing(part: int) -> None:
    pass


def trainings(study: Study) -> Iterator[Job]:
    """Return a job for each model and seed: what is given is taken as it is, and pools ahead of time are
    made by several hands."""
    for spec in study.models:
        if spec.given is not None:
            yield GivenModel(spec.name)
            continue
        ahead = spec.pools is not None and not spec.pools.idle and spec.pools.delay > 0
        kind = PooledTraining if ahead else TrainingJob
        for seed in range(study.seeds):
            yield kind(spec.name, seed)
