"""A stand-in for the workers that does shards in the calling process: small ones, and those that are divided."""

from concurrent.futures import Future
from contextlib import nullcontext
from threading import Lock
from time import perf_counter

from blindspots.device import repeatable
from blindspots.jobs.damage import do
from blindspots.jobs.hands import Hands, OwnHands
from blindspots.jobs.job import Job, Report
from blindspots.jobs.workspace import Workspace
from tasks.actors.worker import Outcome


class Here:
    """Does every shard at once, where it is asked for; ``hands`` do the parts of a job that is divided.

    Shards that are done whole in this process, which are tables, wait for one another, whatever threads ask for them:
    what one has read of the store the next need not read again.
    """

    def __init__(self, workspace: Workspace, hands: Hands | None = None) -> None:
        self.workspace = workspace
        self._hands = hands or OwnHands()
        self._turn = Lock()

    def submit(self, job: Job, shard: int, report: Report) -> "Future[Outcome]":
        """Do one shard and return its outcome, already there."""
        done: Future[Outcome] = Future()
        with nullcontext() if job.divides else self._turn:
            self._do(job, shard, report, done)
        return done

    def _do(self, job: Job, shard: int, report: Report, done: "Future[Outcome]") -> None:
        started = perf_counter()
        try:
            with repeatable():
                do(self.workspace, job, shard, report, self._hands)
        except Exception as error:
            done.set_exception(error)
        else:
            done.set_result(Outcome(perf_counter() - started))
