"""A QuocNet's tiles on real Ray actors, one of which is killed: the weights are those of one process."""

import os
import signal
import threading
import time
from pathlib import Path

import ray
import torch
from safetensors.torch import load_file

from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.place import Place
from tasks.actors.workers import Workers
from tests.small_quocnet import small_pictures, small_study, trained


def test_a_killed_worker_changes_no_bit(tmp_path: Path) -> None:
    study = small_study(small_pictures(tmp_path / "pictures.npz"), tiles=[2, 1], steps=60)
    trained(tmp_path / "alone", study)
    root = tmp_path / "workers"
    workers = Workers(2, Workspace(study, Place.at(root)))
    killed: list[int] = []

    try:
        workers.wait()
        pids = [ray.get(actor.apply.remote(_pid, None)).result for actor in workers._actors]
        killer = threading.Thread(target=_kill_during, args=(root, pids[0], killed))
        killer.start()
        trained(root, study, workers)
        killer.join()
    finally:
        workers.close()
    assert killed == [pids[0]]
    for stage in (1, 2):
        for tile in (0, 1):
            one, other = (load_file(each / layout.quocnet_tile(stage, tile)) for each in (tmp_path / "alone", root))
            assert torch.equal(one["filters"], other["filters"])


def _pid(part: object) -> int:
    return os.getpid()


def _kill_during(root: Path, pid: int, killed: list[int]) -> None:
    """Kill a worker once the training is in the middle of the first stage."""
    folder = root / layout.quocnet_steps(1)
    while not any(int(name) > 10 for name in (os.listdir(folder) if folder.is_dir() else ())):
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    killed.append(pid)
