import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import ray

from blindspots.jobs.job import Progress
from blindspots.jobs.workspace import Workspace
from blindspots.store.place import Place
from blindspots.study.study import Study
from tasks.actors.here import Here
from tests.tasks.actors.test_workers import Scribble


@pytest.fixture
def workspace(tiny: Study, tmp_path: Path) -> Workspace:
    return Workspace(tiny, Place.at(tmp_path))


def test_here_does_the_same_without_ray(workspace: Workspace, tmp_path: Path) -> None:
    said: list[Progress] = []
    here = Here(workspace)
    assert here.submit(Scribble(), 0, said.append).result().seconds > 0
    with pytest.raises(ValueError, match="cannot be done"):
        here.submit(Scribble(), 2, said.append).result()
    assert [progress.done for progress in said] == [1, 2, 1]  # as it comes, also of what fails
    assert not ray.is_initialized()


def test_threads_wait_for_one_another(workspace: Workspace) -> None:
    here, at_work, others = Here(workspace), threading.Semaphore(0), list[bool]()

    def said(progress: Progress) -> None:
        there = at_work.acquire(blocking=False)
        if there:
            at_work.release()
        others.append(there)
        at_work.release()  # one more is at work
        time.sleep(0.05)
        at_work.acquire()

    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(here.submit, Scribble(), shard, said) for shard in (0, 3, 6, 7)]
        for call in calls:
            call.result().result()
    assert others == [False] * 8
