"""The lease of a run on an object store, where there is no lock: an object that says whose the store is.

It is created by who finds none, and written again every few seconds with a count that goes up: the heartbeat. A second
run looks whether it changes. Where it does, the store is taken; where it did not for as long as it says, its owner is
dead, and the lease is taken over, on the condition that it is still the object that was watched. No two clocks are
compared: each looks at its own, at how long it saw nothing. An owner that is seen to be dead, a process of the machine
that looks, is followed at once; what its workers, wherever they are, had under way is waited for then.

Whoever writes asks first. The owner may go on until a while after the last heartbeat that was accepted, so that what is
under way then is over before anybody could have taken the lease. A worker, in another process, looks at the lease
itself, at most once a second.
"""

import json
import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import sleep
from typing import Any

from blindspots.errors import InputError, LostLeaseError, OutOfReachError
from blindspots.store.places.bucket import IN_FLIGHT_SECONDS, in_reach
from blindspots.store.places.machine import is_gone, this_machine, uptime

logger = logging.getLogger(__name__)

_FRESH_SECONDS = 1.0
_LONGEST_DEAD_SECONDS = 600.0
_NO_LEASE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
QUIET_SECONDS = _FRESH_SECONDS + IN_FLIGHT_SECONDS
"""How long after a lease was taken over a worker of the run before may yet write: until it looks, and what it sent."""


@dataclass(frozen=True)
class Pace:
    """How often an owner says that it lives, and how long it must not have for others to believe it dead."""

    beat: float = 10.0
    dead: float = 70.0

    @property
    def fence(self) -> float:
        """How long after its last heartbeat an owner may begin to write: what it sends then must be over in time."""
        return max(self.dead - IN_FLIGHT_SECONDS, self.dead / 2)


PACE = Pace()


@dataclass(frozen=True)
class Seen:
    """A lease as it was read."""

    owner: str
    host: str
    process: int
    dead: float
    version: dict[str, str]
    """What obstore wants to write on the condition that nobody did since."""
    machine: str = ""

    def is_of_the_dead(self) -> bool:
        """Tell whether the owner was a process of this machine that is certainly gone."""
        return bool(self.machine) and self.machine == this_machine() and is_gone(self.process)


@dataclass
class Lease:
    """The lease of this process on the store whose lease object is ``key`` of ``bucket``."""

    bucket: Any
    key: str
    root: str
    pace: Pace = PACE
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    _version: dict[str, str] = field(default_factory=dict)
    _good_until: float = 0.0
    _lost: str = ""
    _over: threading.Event = field(default_factory=threading.Event)
    _beats: int = 0
    _keeper: threading.Thread | None = None
    _since: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def take(self) -> None:
        """Take the lease, and keep it from then on; raise :class:`InputError` where another run has it."""
        watched: Seen | None = None
        since = uptime()
        while not self._created():
            seen = read_lease(self.bucket, self.key, self.root)
            if seen is None:
                continue
            if seen.is_of_the_dead() and self._took_over(seen):
                self._follow(seen)
                return
            if watched is None:
                watched, since = seen, uptime()
                logger.warning(
                    "%s is held by a run on %s (process %d); waiting up to %.0f s to see whether it lives",
                    *(self.root, seen.host, seen.process, seen.dead),
                )
            elif seen.version != watched.version:
                raise self._taken(seen)
            elif uptime() - since > seen.dead:
                if not self._took_over(seen):
                    raise self._taken(seen)
                logger.warning("the run on %s that held %s is dead; its lease is taken over", seen.host, self.root)
                break
            sleep(min(1.0, self.pace.beat / 4))
        self._begin_to_keep()

    def _follow(self, seen: Seen) -> None:
        """Wait, with the lease of an owner that is dead, until nothing of that one's can be under way."""
        logger.warning(
            "the run on %s (process %d) that held %s is dead; its lease is taken over, and in %.0f s, once nothing of "
            "that run can be under way, this one begins",
            *(seen.host, seen.process, self.root, QUIET_SECONDS),
        )
        self._begin_to_keep()
        until = uptime() + QUIET_SECONDS
        try:
            while uptime() < until:
                sleep(min(1.0, self.pace.beat / 4))
                self.check()
        except BaseException:  # the lease stays, so that whoever comes next waits as well
            self._over.set()
            raise

    def _begin_to_keep(self) -> None:
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="lease")
        self._keeper.start()

    @property
    def is_lost(self) -> bool:
        """Whether another run has the store, or may have it by now."""
        return bool(self._lost) or uptime() > self._good_until

    def check(self) -> None:
        """Raise :class:`LostLeaseError` where another run has the store, or may have it by now."""
        if self.is_lost:
            raise LostLeaseError(
                f"this run has lost {self.root} ({self._lost or 'its lease could not be renewed in time'}) and writes "
                "nothing more; what is done is kept"
            )

    def release(self) -> None:
        """Give the lease back, where it is still this one's."""
        self._over.set()
        if self._keeper is not None:
            self._keeper.join()
        if self.is_lost:
            return
        import obstore

        with in_reach(self.root), suppress(FileNotFoundError):  # which S3 does not raise
            obstore.delete(self.bucket, self.key)

    def _taken(self, seen: Seen) -> InputError:
        return InputError(
            f"another run is at work in {self.root}, on {seen.host} (process {seen.process}); wait for it, or name "
            "another root"
        )

    def _content(self) -> bytes:
        self._beats += 1
        said = {
            "owner": self.owner,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "machine": this_machine(),
            "since": self._since,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "beats": self._beats,
            "dead_after_seconds": self.pace.dead,
        }
        return (json.dumps(said, indent=1) + "\n").encode()

    def _write(self, mode: Any) -> None:
        """Write the lease; what it says is good from when the writing was begun."""
        import obstore

        begun = uptime()
        with in_reach(self.root):
            self._version = _version(obstore.put(self.bucket, self.key, self._content(), mode=mode))
        self._good_until = begun + self.pace.fence

    def _created(self) -> bool:
        from obstore.exceptions import AlreadyExistsError

        try:
            self._write("create")
        except AlreadyExistsError:  # or this very request was answered, and the answer lost
            seen = read_lease(self.bucket, self.key, self.root)
            return seen is not None and seen.owner == self.owner and self._took_over(seen)
        return True

    def _took_over(self, seen: Seen) -> bool:
        from obstore.exceptions import PreconditionError

        try:
            self._write(seen.version)
        except (PreconditionError, FileNotFoundError):
            return False
        return True

    def _keep(self) -> None:
        """Renew the lease every few seconds, until it is given back or lost."""
        while not self._over.wait(self.pace.beat):
            try:
                if not self._renewed():
                    self._lost = "another run has taken it over"
                    return
            except OutOfReachError as error:  # it is good for a while yet, and tried again
                logger.debug("%s", error)

    def _renewed(self) -> bool:
        if self._took_over(Seen(self.owner, "", 0, 0, self._version)):
            return True
        # the renewal before may have been one whose answer was lost
        seen = read_lease(self.bucket, self.key, self.root)
        return seen is not None and seen.owner == self.owner and self._took_over(seen)


def read_lease(bucket: Any, key: str, root: str) -> Seen | None:
    """Return what a lease says, or None where there is none."""
    import obstore

    try:
        with in_reach(root):
            found = obstore.get(bucket, key)
            content, version = bytes(found.bytes()), _version(found.meta)
    except FileNotFoundError:
        return None
    try:
        said = json.loads(content)
        dead = float(said["dead_after_seconds"])
        if not 0 < dead <= _LONGEST_DEAD_SECONDS:  # nor of no number, as JSON has them here
            dead = PACE.dead
        process, machine = int(said["process"]), str(said.get("machine", ""))
        return Seen(str(said["owner"]), str(said["host"]), process, dead, version, machine)
    except _NO_LEASE:  # of whoever wrote something else there: dead where it does not change
        return Seen("", "a machine that does not say", 0, PACE.dead, version)


def _version(said: Any) -> dict[str, str]:
    return {name: said[name] for name in ("e_tag", "version") if said[name] is not None}


class Watch:
    """What a worker knows of the lease that its run holds."""

    def __init__(self, owner: str, look: Callable[[], Seen | None], root: str) -> None:
        self._owner, self._look, self._root = owner, look, root
        self._version: dict[str, str] | None = None
        self._looked = self._changed = -float("inf")
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise :class:`LostLeaseError` where the run that gave the work has lost the store, or may be dead."""
        with self._lock:
            now = uptime()
            if now - self._looked < _FRESH_SECONDS:
                return
            seen = self._look()
            if seen is None or seen.owner != self._owner:
                raise LostLeaseError(f"the run that gave this work does not hold {self._root} any more")
            if seen.version != self._version:
                self._version, self._changed = seen.version, now
            elif now - self._changed > max(seen.dead - IN_FLIGHT_SECONDS, seen.dead / 2):
                raise LostLeaseError(f"the run that gave this work has not said for a while that it holds {self._root}")
            self._looked = now
