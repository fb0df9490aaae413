"""A job's progress: its workers' lines in the run's log, how far it is for whoever watches the run."""

import threading
from time import monotonic

from prefect.logging import get_run_logger

from blindspots.jobs.job import Progress, Report

_LINE_SECONDS = 30.0


class JobProgress:
    """Relays what workers report of one job; reports come from several threads.

    There is no artifact a job: a study has hundreds, each a request to the server, and the page of a run shows the
    whole. Nor is there a line a shard: of what a job's shards say, a line in half a minute is logged, and the last.
    """

    def __init__(self, key: str, total: int, also: Report) -> None:
        self._key, self._total, self._also = key, max(total, 1), also
        self._logger = get_run_logger()
        self._lock = threading.Lock()
        self._of_shards: dict[int, int] = {}
        self._done, self._next_line = 0, 0.0

    def of_shard(self, shard: int) -> Report:
        """Return the report for one of the job's shards."""
        return lambda progress: self._report(shard, progress)

    def _report(self, shard: int, progress: Progress) -> None:
        with self._lock:
            self._done += progress.done - self._of_shards.get(shard, 0)
            self._of_shards[shard] = progress.done
            done, now = self._done, monotonic()
            says = bool(progress.message) and (now >= self._next_line or done >= self._total)
            if says:
                self._next_line = now + _LINE_SECONDS
        if says:
            self._logger.info("%s: %s", self._key, progress.message)
        self._also(Progress(progress.stage, self._key, done, self._total, progress.unit, progress.message))
