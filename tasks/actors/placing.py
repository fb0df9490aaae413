"""Whether an actor has a place still: where its machine is lost and no other has room, it may wait for ever."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import ray

_LOOK_SECONDS = 2.0
_AWAY_SECONDS = 20.0
"""How long an actor may take to be started anew, before what it was to do is given to another."""
_PLACED = ("ALIVE", "DEAD")  # of one that is dead, its call says so


class Absence:
    """How long the actor that a call was made of has had no place."""

    def __init__(self, actor: Any, *, clock: Callable[[], float] = monotonic) -> None:
        self._actor, self._clock = actor, clock
        self._looked = self._placed = clock()

    def is_too_long(self) -> bool:
        """Tell whether the call is to be made of another actor; asks Ray every other second."""
        now = self._clock()
        if now >= self._looked + _LOOK_SECONDS:
            self._looked = now
            if state(self._actor) in _PLACED:
                self._placed = now
        return now > self._placed + _AWAY_SECONDS


def state(actor: Any) -> str:
    """Return what Ray says an actor is doing: ALIVE, RESTARTING and so on; ALIVE where it cannot be asked."""
    try:
        return str(ray._private.state.actors(actor._actor_id.hex()).get("State", "ALIVE"))
    except (RuntimeError, OSError, ray.exceptions.RayError):
        return "ALIVE"
