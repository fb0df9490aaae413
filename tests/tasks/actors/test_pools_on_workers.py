"""Pools made by real Ray actors, one of which is killed: the weights are those of one process."""

import os
import signal
import threading
import time
from pathlib import Path

import ray

from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.place import Place
from tasks.actors.workers import Workers
from tests.small_pools import assert_same, pooled_study, trained


def test_a_killed_worker_changes_no_bit(tmp_path: Path) -> None:
    study = pooled_study(tmp_path, adam={"epochs": 40, "batch": 6, "rate": 0.02})
    alone, root = trained(tmp_path / "alone", study), tmp_path / "workers"
    workers = Workers(2, Workspace(study, Place.at(root)))
    killed: list[int] = []
    try:
        workers.wait()
        pids = [ray.get(actor.apply.remote(_pid, None)).result for actor in workers._actors]
        killer = threading.Thread(target=_kill_during, args=(root, pids[0], killed))
        killer.start()
        found = trained(root, study, workers)
        killer.join()
    finally:
        workers.close()
    assert killed == [pids[0]]
    assert_same(found, alone)


def _pid(part: object) -> int:
    return os.getpid()


def _kill_during(root: Path, pid: int, killed: list[int]) -> None:
    """Kill a worker once the training is in the middle."""
    folder = root / layout.pool_work("a", 0)
    while not any(int(name.removeprefix("round-")) > 20 for name in (os.listdir(folder) if folder.is_dir() else ())):
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    killed.append(pid)
