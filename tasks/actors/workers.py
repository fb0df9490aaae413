"""The workers: as many actors, gone with the process. Light to import but for Ray. No Prefect in here."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
import ray
from ray.exceptions import GetTimeoutError, RayActorError

from blindspots.errors import StoppedError
from tasks.actors.placing import Absence
from tasks.actors.ray_start import start_ray
from tasks.actors.reaper import Reaper
from tasks.actors.resources import asked_of_ray, check_resources
from tasks.actors.scratch import check_scratch
from tasks.actors.telling import Listener
from tasks.actors.worker import Outcome, Worker

if TYPE_CHECKING:
    from blindspots.jobs.job import Job, Report
    from blindspots.jobs.workspace import Workspace

logger = logging.getLogger(__name__)

_TRIES_OF_A_CALL = 3
_POLL_SECONDS = 0.5
_CLOSE_SECONDS = 30
_FAMILY_SECONDS = 5.0
_PLACED_SECONDS = 60.0
_LIFE: dict[str, Any] = {
    "max_restarts": -1,
    "max_task_retries": _TRIES_OF_A_CALL,
    "max_concurrency": 2,  # so that messages are answered while a shard is at work
}

Part = TypeVar("Part")
Done = TypeVar("Done")


class Workers:
    """As many actors as asked for; shards are handed to whichever is free, first come, first served."""

    def __init__(self, count: int, workspace: Workspace | None = None) -> None:
        self.count = count
        self._workspace: Workspace | None = None
        self._device = "cpu"
        self._told = threading.Event()
        if workspace is not None:
            self.open(workspace)
        self._idle, self._displaced = queue.SimpleQueue[Any](), queue.SimpleQueue[Any]()
        self._dispatch = ThreadPoolExecutor(count, thread_name_prefix="shard")
        self._starting: Future[None] | None = None
        self._keeper: threading.Thread | None = None
        self._stopped, self._closing = threading.Event(), threading.Event()
        self._guard = threading.Lock()
        self._owns_ray = False
        self._reaper: Reaper | None = None
        self._family: list[psutil.Process] = []
        self._seen = -_FAMILY_SECONDS
        self._actors: list[Any] = []
        self.busy: dict[int, float] = {}
        """Seconds that each actor was busy, by its number."""

    @property
    def workspace(self) -> Workspace:
        """What the actors work on."""
        if self._workspace is None:
            raise RuntimeError("the workers were not told what to work on")
        return self._workspace

    def open(self, workspace: Workspace) -> None:
        """Say what the actors are to work on, and with it the kind of device; they wait for that, Ray does not."""
        self._workspace = workspace
        self.compute_on(workspace.device)

    def compute_on(self, device: str) -> None:
        """Say on which kind of device: all that has to be known for actors to come up and import their work."""
        self._device = device
        self._told.set()

    def start(self) -> None:
        """Begin to start Ray and the actors, without waiting for them.

        Raises :class:`InputError` where Ray's scratch folder cannot be used, or what actors ask for is no such thing.
        """
        with self._guard:
            if self._starting is None:
                check_scratch()
                check_resources(self.count)
                self._starting = Future()
                self._keeper = threading.Thread(target=self._keep, daemon=True, name="keep-ray")
                self._keeper.start()

    def wait(self) -> None:
        """Return once the actors are there; raise :class:`InputError` where the cluster named cannot be joined."""
        self.start()
        assert self._starting is not None
        self._starting.result()

    @property
    def started(self) -> bool:
        """Whether Ray was asked for at all."""
        return self._starting is not None

    def submit(self, job: Job, shard: int, report: Report) -> Future[Outcome]:
        """Have one shard done by an actor that is free; ``report`` is called with its progress meanwhile.

        An actor that dies is started anew and its call made again, a few times. The future raises what the job
        raised, or Ray's own error.
        """
        self.start()
        return self._dispatch.submit(self._run, job, shard, report)

    def map(self, function: Callable[[Part], Done], parts: Sequence[Part]) -> Iterator[Done]:
        """Yield ``function(part)`` for each of the parts, in their order: the parts are done by actors that are free.

        They are begun at once, before anything is asked for, so that the caller can go on meanwhile. An actor that dies
        is started anew and its part done again.
        """
        self.start()
        self._told.set()  # parts need no workspace
        results = _results([self._dispatch.submit(self._apply, function, part) for part in parts])
        next(results)  # it is begun, so that closing it gives up what waits, also where nothing was asked for
        return results

    def lost(self) -> str | None:
        """Return which process of a Ray of these workers' own is gone, without which no call comes to an end."""
        node: Any = ray._private.worker._global_node if self._owns_ray and not self._closing.is_set() else None
        if node is None:
            return None
        if self._reaper is not None and self._reaper.is_gone:
            self._reaper = Reaper()
        if monotonic() > self._seen + _FAMILY_SECONDS:
            self._family, self._seen = psutil.Process().children(recursive=True), monotonic()
        for kind in ("raylet", "gcs_server"):
            if any(info.process.poll() is not None for info in node.all_processes.get(kind, ())):
                return f"Ray's {kind}"
        return None

    def kill(self) -> None:
        """Kill what is left of a Ray of these workers' own: for where it does not shut down.

        That is all that this process has begun, and what those were a moment ago whose parents are gone; the reaper
        stays, and ends what is missing there once this process is gone.
        """
        if self._owns_ray:
            reaper = None if self._reaper is None else self._reaper.pid
            for process in {*self._family, *psutil.Process().children(recursive=True)}:
                with suppress(psutil.Error):
                    if process.pid != reaper:
                        process.kill()

    def stop(self) -> None:
        """Give up the calls under way and those that wait: whoever waits for one gets :class:`StoppedError` soon."""
        self._stopped.set()

    def close(self) -> None:
        """Stop the actors, and Ray where these workers started it. Calls under way are given up."""
        self.stop()
        self._dispatch.shutdown(wait=False, cancel_futures=True)
        self._closing.set()
        self._displaced.put(None)
        self._told.set()
        if self._keeper is not None:
            self._keeper.join(_CLOSE_SECONDS)

    def _keep(self) -> None:
        """Start Ray and the actors, and stay until the workers are closed.

        Ray's processes ask the kernel to be killed when the *thread* that started them is gone, so that thread stays.
        """
        assert self._starting is not None
        try:
            if not ray.is_initialized():
                self._owns_ray = True
                self._reaper = None if os.environ.get("RAY_ADDRESS") else Reaper()
                start_ray(self.count)
            self._told.wait()
            if self._closing.is_set():
                raise RuntimeError("the workers were closed before they were told what to work on")
            asked = asked_of_ray(self._device, self.count, ray.cluster_resources().get("GPU", 0))
            remote = ray.remote(Worker).options(**_LIFE, **asked)
            self._actors = [remote.remote() for _ in range(self.count)]
        except BaseException as error:
            self._starting.set_exception(error)
        else:
            self._starting.set_result(None)
            self._employ()
        self._closing.wait()
        if self._owns_ray:
            ray.shutdown()  # takes the actors along, even where a signal to the whole group has ended Ray already
            if self._reaper is not None:
                self._reaper.dismiss()
            return
        for actor in self._actors:
            ray.kill(actor)

    def _employ(self) -> None:
        """Give actors work as soon as they are placed somewhere: those that a cluster has no room for yet wait for it.

        A cluster that grows with what is asked of it makes room in minutes; one that does not, goes on with these. So
        it does where a machine is lost, and its actors with it.
        """
        answers = {actor.told.remote(): (number, actor) for number, actor in enumerate(self._actors)}
        warn_at = monotonic() + _PLACED_SECONDS
        while not self._closing.is_set():
            with suppress(queue.Empty):
                displaced = self._displaced.get(block=not answers)
                if displaced is not None:
                    answers[displaced[1].told.remote()] = displaced
            if not answers:
                warn_at = float("inf")
                continue
            for answer in ray.wait(list(answers), num_returns=1, timeout=_POLL_SECONDS)[0]:
                self._idle.put(answers.pop(answer))
            if monotonic() > warn_at:
                warn_at = float("inf")
                placed = f"{self.count - len(answers)} of {self.count} workers have a place"
                wanted = "a core, and memory or a share of a GPU where that is asked for"
                logger.warning("%s in the cluster by now; the others wait for %s", placed, wanted)

    def _run(self, job: Job, shard: int, report: Report) -> Outcome:
        listener = Listener(report)
        outcome = self._call(lambda actor: actor.run.remote(self.workspace, job, shard), listener)
        assert outcome.told is not None
        listener.hear(outcome.told)
        return outcome

    def _apply(self, function: Callable[[Part], Done], part: Part) -> Outcome:
        return self._call(lambda actor: actor.apply.remote(function, part))

    def _call(self, begin: Callable[[Any], Any], listener: Listener | None = None) -> Outcome:
        """Return what an actor answers to the call that ``begin`` makes, once one is free."""
        assert self._starting is not None
        self._starting.result()
        while True:
            number, actor = self._free()
            back = self._idle
            try:
                self._raise_if_stopped()
                call, absence = begin(actor), Absence(actor)
                while not ray.wait([call], timeout=_POLL_SECONDS)[0]:
                    self._raise_if_stopped()
                    if absence.is_too_long():
                        back = self._displaced
                        break
                    if listener is not None:
                        with suppress(RayActorError, GetTimeoutError):
                            listener.hear(ray.get(actor.told.remote(*listener.heard), timeout=_POLL_SECONDS))
                else:
                    outcome: Outcome = ray.get(call)
                    self.busy[number] = self.busy.get(number, 0.0) + outcome.seconds
                    return outcome
            finally:
                back.put((number, actor))
            logger.warning("worker %d has lost its place in the cluster: another goes on with its work", number)
            ray.cancel(call)

    def _free(self) -> tuple[int, Any]:
        """Return an actor that has nothing to do, and its number, once there is one."""
        while True:
            self._raise_if_stopped()
            with suppress(queue.Empty):
                found: tuple[int, Any] = self._idle.get(timeout=_POLL_SECONDS)
                return found

    def _raise_if_stopped(self) -> None:
        if self._stopped.is_set():
            raise StoppedError("the run was stopped")


def _results(calls: list[Future[Outcome]]) -> Iterator[Any]:
    """Yield nothing, then what calls give, in their order; those that wait are given up where it is closed."""
    try:
        yield None
        for call in calls:
            yield call.result().result
    finally:
        for call in calls:
            call.cancel()
