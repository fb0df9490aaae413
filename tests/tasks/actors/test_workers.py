"""The workers, on a real Ray of one machine."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import psutil
import pytest
import ray
import torch

from blindspots.errors import StoppedError
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Job, Progress, Report
from blindspots.jobs.workspace import Workspace
from blindspots.store.place import Place
from blindspots.study.file import validate_study
from tasks.actors import placing, reaper
from tasks.actors import workers as module
from tasks.actors.resources import memory_here
from tasks.actors.worker import Worker
from tasks.actors.workers import Workers
from tests.conftest import TINY


@dataclass(frozen=True)
class Scribble(Job):
    """Writes its process' number to a file; shard 1 dies the first time, shard 2 cannot be done."""

    stage: ClassVar[str] = "train"

    @property
    def key(self) -> str:
        return "scribble"

    def identity(self, workspace: Workspace, shard: int) -> str:
        return "scribble"

    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        file = workspace.root / str(shard)
        tries = int(file.read_text()) + 1 if file.exists() else 1
        whole = workspace.root / f"{shard}.{os.getpid()}"  # two workers may do one shard at once
        whole.write_text(str(tries))
        whole.replace(file)
        report(Progress(self.stage, self.key, 1, 2, "lines", "half"))
        if shard == 1 and tries == 1:
            time.sleep(1.5)
            os.kill(os.getpid(), signal.SIGKILL)
        if shard == 4:
            time.sleep(300)
        if shard == 5 and tries == 1:  # as long as its machine is gone
            deadline = time.monotonic() + 60
            while not (workspace.root / "back").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
        if shard == 2:
            raise ValueError("this shard cannot be done")
        report(Progress(self.stage, self.key, 2, 2, "lines"))

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        return {}

    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        return {}


pytestmark = pytest.mark.xdist_group("workers")  # Ray is started once for most of them


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(validate_study(TINY), Place.at(tmp_path_factory.mktemp("workers")))


@pytest.fixture(scope="module")
def workers(workspace: Workspace) -> Iterator[Workers]:
    """Two workers, which the last of the tests that share them stops."""
    made = Workers(2, workspace)
    yield made
    reapers = [each for each in psutil.Process().children() if str(reaper.__file__) in each.cmdline()]
    made.close()
    assert not ray.is_initialized()
    assert [each.is_running() for each in reapers] == [False]


def test_nothing_is_started_before_the_first_shard(workspace: Workspace) -> None:
    waiting = Workers(2, workspace)
    assert not waiting.started
    assert not ray.is_initialized()
    waiting.close()


def _square(folder: Path, number: int) -> int:
    """Square a number; the worker that does the third one dies the first time."""
    file = folder / f"part-{number}"
    if number == 3 and not file.exists():
        file.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_an_actor_without_a_place_keeps_no_work_from_the_others(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLINDSPOTS_WORKER_MEMORY", f"{memory_here() * 0.6 / 2**20:.0f}Mi")
    monkeypatch.setattr(module, "check_resources", lambda workers: None)  # as on a cluster, which may grow
    monkeypatch.setattr(module, "_PLACED_SECONDS", 0.0)
    alone = Workers(2, Workspace(workspace.study, Place.at(tmp_path)))
    try:
        assert [alone.submit(Scribble(), shard, lambda _: None).result(240).seconds > 0 for shard in (0, 3)]
        assert list(alone.map(partial(_square, tmp_path), range(3))) == [0, 1, 4]
        assert len(set(alone.busy)) == 1
        assert "of 2 workers have a place in the cluster by now; the others wait for a core, and memory" in caplog.text
    finally:
        alone.close()


def test_shards_are_done_by_actors_that_may_die(workers: Workers, workspace: Workspace) -> None:
    said: list[Progress] = []
    calls = {shard: workers.submit(Scribble(), shard, said.append) for shard in (0, 1, 2, 3)}
    for shard in (0, 1, 3):
        calls[shard].result(240)
    with pytest.raises(ValueError, match="this shard cannot be done"):
        calls[2].result(240)
    tries = {shard: (workspace.root / str(shard)).read_text() for shard in range(4)}
    assert tries == {0: "1", 1: "2", 2: "1", 3: "1"}
    assert sum(progress.done == 2 for progress in said) == 3
    assert any(progress.message == "half" for progress in said)
    assert set(workers.busy) <= {0, 1}


def test_parts_come_back_in_their_order_and_a_lost_one_is_done_again(workers: Workers, tmp_path: Path) -> None:
    assert list(workers.map(partial(_square, tmp_path), range(7))) == [0, 1, 4, 9, 16, 25, 36]
    assert (tmp_path / "part-3").exists()
    with pytest.raises(TypeError, match="unsupported operand"):
        list(workers.map(partial(_square, tmp_path), [None]))  # type: ignore[list-item]


def test_what_an_actor_without_a_place_was_to_do_another_does(
    workers: Workers, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(placing, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(placing, "_AWAY_SECONDS", 0.2)
    first: list[object] = []

    def state(actor: object) -> str:
        first.append(actor)
        return "RESTARTING" if actor is first[0] else "ALIVE"

    monkeypatch.setattr(placing, "state", state)
    try:
        workers.submit(Scribble(), 5, lambda _: None).result(50)
        assert (workspace.root / "5").read_text() == "2"
        assert "has lost its place in the cluster: another goes on with its work" in caplog.text
    finally:
        (workspace.root / "back").touch()
    deadline = time.monotonic() + 60
    while workers._idle.qsize() < 2:  # back at work once it answers again
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_stop_gives_up_what_is_under_way_and_what_waits(workers: Workers, workspace: Workspace) -> None:
    calls = [workers.submit(Scribble(), 4, lambda _: None) for _ in range(4)]
    deadline = time.monotonic() + 240
    while not (workspace.root / "4").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    workers.stop()
    for call in calls:
        with pytest.raises(StoppedError, match="the run was stopped"):
            call.result(30)


def test_parts_that_nobody_wants_any_more_are_given_up_though_nothing_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers, waiting = Workers(1), Future[Any]()
    monkeypatch.setattr(workers, "start", lambda: None)
    monkeypatch.setattr(workers, "_dispatch", SimpleNamespace(submit=lambda *_: waiting))
    parts = workers.map(abs, [1])
    assert not waiting.cancelled()
    parts.close()
    assert waiting.cancelled()


def test_a_part_for_which_a_gpu_is_full_is_done_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.actors.worker.resolved_device", lambda _: "cuda")
    monkeypatch.setattr("blindspots.device.time.sleep", lambda _: None)
    worker, left = Worker.__new__(Worker), [2]

    def part(number: int) -> int:
        left[0] -= 1
        if left[0] >= 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return number

    assert worker.apply(part, 7).result == 7
    assert left == [-1]


def test_what_is_lost_of_a_ray_of_the_workers_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    workers, ends = Workers(1), {"raylet": [None], "gcs_server": [None], "dashboard": [1]}

    class Info:
        def __init__(self, kind: str) -> None:
            self.process = self
            self.poll = lambda: ends[kind][0]

    node = SimpleNamespace(all_processes={kind: [Info(kind)] for kind in ends})
    monkeypatch.setattr(ray._private.worker, "_global_node", node)
    assert workers.lost() is None
    ends["gcs_server"] = [-9]
    assert workers.lost() is None  # a cluster that was joined is not the workers' to look after
    workers._owns_ray = True
    assert workers.lost() == "Ray's gcs_server"
    workers.close()
    assert workers.lost() is None


def test_a_reaper_that_is_killed_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(1)
    monkeypatch.setattr(ray._private.worker, "_global_node", SimpleNamespace(all_processes={}))
    workers._owns_ray = True
    workers._reaper = first = reaper.Reaper()
    try:
        assert workers.lost() is None
        assert workers._reaper is first
        psutil.Process(first.pid).kill()
        first._process.wait(30)
        assert workers.lost() is None
        assert psutil.pid_exists(workers._reaper.pid)
        assert workers._reaper is not first
    finally:
        workers.close()
        workers._reaper.dismiss()
