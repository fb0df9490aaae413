"""A stand-in for the pool that does shards in the calling process: for work too small to start actors for."""

from concurrent.futures import Future

from blindspots.jobs.job import Job, Report
from blindspots.jobs.workspace import Workspace
from tasks.actors.worker import Outcome, Worker


class Here:
    """Does every shard at once, where it is asked for."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._worker = Worker()

    def submit(self, job: Job, shard: int, report: Report) -> "Future[Outcome]":
        """Do one shard and return its outcome, already there."""
        done: Future[Outcome] = Future()
        try:
            outcome = self._worker.run(self.workspace, job, shard)
        except Exception as error:
            done.set_exception(error)
            return done
        for progress in outcome.messages:
            report(progress)
        done.set_result(outcome)
        return done

    def wait(self) -> None:
        """Return at once: there is nobody to wait for."""

    def stop(self) -> None:
        """Do nothing: nothing is under way between two calls."""
