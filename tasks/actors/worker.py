"""The Ray actor that does shards: one model on one device at a time, one call a shard. No Prefect in here.

Importing this is light, since who makes actors does it before all else; what shards are done with, which takes seconds,
every actor imports when it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from blindspots.device import keep_freed_memory, repeatable, resolved_device, with_room
from tasks.actors.telling import Call, Teller, Told
from tasks.fate import die_with_parent

if TYPE_CHECKING:
    from blindspots.jobs.job import Job
    from blindspots.jobs.workspace import Workspace


@dataclass(frozen=True)
class Outcome:
    """What a call leaves with its caller; the work itself lies in the store."""

    seconds: float
    """How long the actor was busy."""
    told: Told | None = None
    """Progress that was not heard of while the call ran."""
    result: Any = None
    """What a part of a job gave, which is small."""


class Worker:
    """Does shards of jobs, and tells how far it is while it does; or a part of a job that is divided.

    Every call says all that it needs, and the data and the last model are kept only to be quick: so an actor that died
    and was started anew goes on with the call that was lost.
    """

    def __init__(self) -> None:
        die_with_parent()  # a run that is killed takes Ray's raylet along: nothing is written after it
        keep_freed_memory()
        import blindspots.jobs.damage  # noqa: F401 - and with it the work of every kind of job

        self._teller = Teller()

    def run(self, workspace: Workspace, job: Job, shard: int) -> Outcome:
        """Do one shard."""
        from blindspots.jobs.damage import do
        from blindspots.jobs.hands import OwnHands

        started = perf_counter()
        self._teller.begin()
        with repeatable():
            do(workspace, job, shard, self._teller.tell, OwnHands())
        return Outcome(perf_counter() - started, self._teller.told())

    def apply(self, function: Callable[[Any], Any], part: Any) -> Outcome:
        """Do one part of a job."""
        started = perf_counter()
        with repeatable():
            result = with_room(lambda: function(part), resolved_device(None))
        return Outcome(perf_counter() - started, result=result)

    def told(self, call: Call | None = None, heard: int = 0) -> Told:
        """Return what was reported and not heard yet; may be called while :meth:`run` is at work."""
        return self._teller.told(call, heard)
