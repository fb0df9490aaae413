"""What a run costs that has nothing to compute: empty shards on a cluster of many faked nodes, an actor on each.

``BLINDSPOTS_NODES`` (64) and ``BLINDSPOTS_SHARDS`` (100 000) say how large. A node and its actor take 0.4 GB of this
machine; with ``BLINDSPOTS_BARE=1`` half of that, since actors then know nothing of torch and take what they are sent
for bytes: the driver, Ray and what goes between them are the same. All shards are one job's, done by the task that a
run has for it, with its progress and its log, but without Prefect's server, which hears of a job and not of shards. Run
with ``python -m pytest tests/benchmarks/test_scale.py -n 0 -s``.
"""

import logging
import os
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import numpy as np
import psutil
import pytest
import ray
from ray.cluster_utils import Cluster

import tasks.actors.workers
import tasks.progress
import tasks.run_job
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Job, Progress, Report
from blindspots.jobs.plan import Outstanding
from blindspots.jobs.workspace import Workspace
from blindspots.store.place import Place
from blindspots.study.built_in import QUICK
from tasks.actors.telling import Told
from tasks.actors.workers import Workers

NODES = int(os.environ.get("BLINDSPOTS_NODES", "64"))
SHARDS = int(os.environ.get("BLINDSPOTS_SHARDS", "100000"))
BARE = os.environ.get("BLINDSPOTS_BARE") == "1"


@dataclass(frozen=True)
class Empty(Job):
    """As many shards as wanted, and nothing in them."""

    stage: ClassVar[str] = "generate"

    @property
    def key(self) -> str:
        return "empty"

    def shards(self, workspace: Workspace) -> int:
        return SHARDS

    def identity(self, workspace: Workspace, shard: int) -> str:
        return "empty"

    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        report(Progress("generate", "empty", 1, 1, "images", f"shard {shard}: nothing"))

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        return {}

    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        return {}


@dataclass(frozen=True)
class Sealed:
    """What costs its sender as much as what is inside, and is to who gets it how many bytes that was."""

    inside: Any
    device: str = "cpu"

    def size(self, workspace: Workspace, shard: int) -> int:
        return 1

    def __reduce__(self) -> Any:
        return len, (pickle.dumps(self.inside),)


def bare_actor() -> type:
    """Return a class like that of the actors which is sent whole, since it is nowhere to be imported from."""

    class Bare:
        def run(self, workspace: int, job: int, shard: int) -> Any:
            from types import SimpleNamespace

            said = {"stage": "generate", "done": 1, "total": 1, "unit": "images", "message": f"shard {shard}: nothing"}
            return SimpleNamespace(seconds=0.0, told=Told((0, shard), 0, (SimpleNamespace(**said),)))

        def told(self, call: Any = None, heard: int = 0) -> Any:
            return Told((0, -1), 0, ())

    return Bare


class Watched(threading.Thread):
    """Looks at the driver's memory twice a second."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self._process, self._over = process, threading.Event()
        self.at_most = memory(process)

    def run(self) -> None:
        while not self._over.wait(0.5):
            self.at_most = max(self.at_most, memory(self._process))

    def end(self) -> float:
        self._over.set()
        self.join()
        return self.at_most


class Lines(logging.Handler):
    """Counts what a run's log would have."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def logged() -> float:
    """Return how much all nodes have logged by now, in MB."""
    logs = Path(ray._private.worker._global_node.get_session_dir_path()) / "logs"
    return sum(path.stat().st_size for path in logs.rglob("*") if path.is_file()) / 1e6


def memory(process: psutil.Process) -> float:
    """Return what a process has to itself, in MB."""
    return float(process.memory_full_info().uss) / 1e6


def test_empty_shards_on_many_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Callable[[str, Any], None]
) -> None:
    monkeypatch.setenv("BLINDSPOTS_WORKER_MEMORY", "100M")
    # all begin on one machine at once: for some Ray's minute is too short there, and a raylet that waits is alive
    monkeypatch.setenv("RAY_worker_register_timeout_seconds", "900")
    monkeypatch.setenv("RAY_health_check_timeout_ms", "120000")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "30")
    # every node's agent looks at its processes and sends metrics: of 64 on one machine that took most of two cores
    monkeypatch.setenv("RAY_enable_metrics_collection", "0")
    monkeypatch.setenv("REPORTER_UPDATE_INTERVAL_MS", "600000")
    job: Any = Sealed(Empty()) if BARE else Empty()
    workspace: Any = Workspace(QUICK, Place.at(tmp_path))
    if BARE:
        monkeypatch.setattr(tasks.actors.workers, "Worker", bare_actor())
        workspace = Sealed(workspace)
    began, free = monotonic(), psutil.virtual_memory().available
    cluster = Cluster(initialize_head=True, connect=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    node = {"num_cpus": 1, "memory": 200 * 10**6, "object_store_memory": 80 * 10**6, "include_log_monitor": False}
    for _ in range(NODES):
        cluster.add_node(wait=False, **node)
    cluster.wait_for_nodes(timeout=600)
    measured: dict[str, float] = {"nodes": NODES, "shards": SHARDS, "nodes up, s": monotonic() - began}
    workers = Workers(NODES, workspace)
    driver = psutil.Process()
    before = memory(driver)
    try:
        began = monotonic()
        workers.start()
        warm: list[Future[Any]] = [workers.submit(job, shard, lambda _: None) for shard in range(NODES)]
        for each in warm:
            each.result(600)
        measured["actors up, s"] = monotonic() - began
        measured["a node and its actor, MB"] = (free - psutil.virtual_memory().available) / NODES / 1e6

        logged_before, lines, heard = logged(), Lines(), [0]
        log = logging.getLogger("scale")
        log.setLevel(logging.INFO)
        log.addHandler(lines)
        for module in (tasks.progress, tasks.run_job):
            monkeypatch.setattr(module, "get_run_logger", lambda: log)
        watched = Watched(driver)
        watched.start()

        def observe(progress: Progress) -> None:
            heard[0] = max(heard[0], progress.done)

        began, seconds_of_cpu = monotonic(), sum(driver.cpu_times()[:2])
        said = tasks.run_job.run_job.fn("empty", Outstanding(job, tuple(range(SHARDS))), workers, observe)
        took = monotonic() - began
        measured["driver at most, MB"] = watched.end()
        measured["logged for them, MB"] = logged() - logged_before
        measured["lines in the run's log"] = lines.count
        measured["shards a second"] = SHARDS / took
        measured["driver's cores"] = (sum(driver.cpu_times()[:2]) - seconds_of_cpu) / took
        measured["driver at the end, MB"] = memory(driver)
        measured["driver before, MB"] = before
        measured["threads"] = threading.active_count()
        measured["actors that worked"] = len(workers.busy)
        assert str(said).startswith(f"{SHARDS} shard(s), ")
        assert heard[0] == SHARDS
    finally:
        workers.close()
        ray.shutdown()
        cluster.shutdown()
    print()
    for what, value in measured.items():
        print(f"{what:26} {value:10.1f}")
    record("scale", measured)
