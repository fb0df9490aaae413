"""A job's progress: its workers' lines in the run's log, how far it is for whoever watches the run."""

import threading

from prefect.logging import get_run_logger

from blindspots.jobs.job import Progress, Report


class JobProgress:
    """Relays what workers report of one job; reports come from several threads.

    There is no artifact a job: a study has hundreds, each a request to the server, and the page of a run shows the
    whole.
    """

    def __init__(self, key: str, total: int, also: Report) -> None:
        self._key, self._total, self._also = key, max(total, 1), also
        self._logger = get_run_logger()
        self._lock = threading.Lock()
        self._done: dict[int, int] = {}

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
