"""What of a job's progress reaches the run's log: no line a shard."""

import logging

import pytest

from blindspots.jobs.job import Progress
from tasks import progress as module
from tasks.progress import JobProgress

SHARDS = 1000


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that are logged."""
    found: list[str] = []
    logger = logging.getLogger("a task")
    monkeypatch.setattr(logger, "info", lambda text, *values: found.append(text % values))
    monkeypatch.setattr(module, "get_run_logger", lambda: logger)
    return found


def test_the_log_does_not_grow_with_the_shards(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    told: list[Progress] = []
    job = JobProgress("sets/a", 2 * SHARDS, told.append)
    for shard in range(SHARDS):
        now[0] += 0.1
        report = job.of_shard(shard)
        report(Progress("generate", "sets/a", 1, 2, "images"))
        report(Progress("generate", "sets/a", 2, 2, "images", f"shard {shard}: found"))
    assert [each.done for each in told] == list(range(1, 2 * SHARDS + 1))  # who watches hears of all
    assert {each.total for each in told} == {2 * SHARDS}
    assert lines[0] == "sets/a: shard 0: found"
    assert lines[-1] == f"sets/a: shard {SHARDS - 1}: found"
    assert len(lines) == 1 + 3 + 1  # at its beginning, in each half of its 100 s, and at its end


def test_a_shard_that_is_begun_anew_counts_once(lines: list[str]) -> None:
    told: list[Progress] = []
    report = JobProgress("models/a", 30, told.append).of_shard(0)
    for done in (10, 20, 0, 10, 30):  # whose actor died after 20
        report(Progress("train", "models/a", done, 30, "iterations", f"iteration {done}"))
    assert [each.done for each in told] == [10, 20, 0, 10, 30]
    assert lines == ["models/a: iteration 10", "models/a: iteration 30"]
