"""A worker killed with a real signal in the middle of what two of them do."""

import os
import signal
import threading
import time
from collections.abc import Callable

import ray

from blindspots.jobs.hands import Hands
from blindspots.jobs.workspace import Workspace
from tasks.actors.workers import Workers


def with_a_worker_killed(workspace: Workspace, work: Callable[[Hands], None], *, when: Callable[[], bool]) -> None:
    """Have ``work`` done by the hands of two workers, one of which is killed as soon as ``when`` is true."""
    workers = Workers(2, workspace)
    killed: list[int] = []

    def kill(pid: int) -> None:
        while not when():
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    try:
        workers.wait()
        pids = [ray.get(actor.apply.remote(_pid, None)).result for actor in workers._actors]
        killer = threading.Thread(target=kill, args=pids[:1])
        killer.start()
        work(workers)
        killer.join()
    finally:
        workers.close()
    assert killed == pids[:1]


def _pid(part: object) -> int:
    return os.getpid()
