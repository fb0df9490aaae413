"""A job's progress in Prefect: its lines in the run's log, how far it is as an artifact."""

import threading
from time import monotonic
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger

from blindspots.jobs.job import Progress, Report

_FIRST_AFTER = 2.0
_THEN_EVERY = 3.0


class JobProgress:
    """Relays what workers report of one job.

    Reports come from several threads; :meth:`publish` is for the task's own thread, where Prefect knows the run. A job
    that is over within two seconds leaves no artifact, since each costs a request to the server.
    """

    def __init__(self, key: str, total: int, also: Report) -> None:
        self._key, self._total, self._also = key, max(total, 1), also
        self._logger = get_run_logger()
        self._lock = threading.Lock()
        self._done: dict[int, int] = {}
        self._artifact: UUID | None = None
        self._next = monotonic() + _FIRST_AFTER

    def of_shard(self, shard: int) -> Report:
        """Return the report for one of the job's shards."""
        return lambda progress: self._report(shard, progress)

    def _report(self, shard: int, progress: Progress) -> None:
        if progress.message:
            self._logger.info("%s: %s", self._key, progress.message)
        with self._lock:
            self._done[shard] = progress.done
            done = sum(self._done.values())
        self._also(Progress(progress.stage, self._key, done, self._total, progress.unit, progress.message))

    def publish(self, *, finished: bool = False) -> None:
        """Bring the artifact up to date, where that is due."""
        if (finished and self._artifact is None) or (not finished and monotonic() < self._next):
            return
        self._next = monotonic() + _THEN_EVERY
        percent = 100.0 if finished else min(100.0, 100 * sum(self._done.values()) / self._total)
        if self._artifact is None:
            created = create_progress_artifact(progress=percent, key=_slug(self._key), description=self._key)
            self._artifact = created  # type: ignore[assignment]  # Prefect's type also allows a coroutine
        else:
            update_progress_artifact(self._artifact, progress=percent)


def _slug(key: str) -> str:
    """Return ``key`` in the letters that Prefect takes in an artifact's key."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in key.lower()).strip("-")
