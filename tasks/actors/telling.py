"""What an actor reports of a call while it is at work: heard once and in order, whatever answers are lost on the way.

Who listens asks every so often and does not wait long: an answer that comes too late is lost, and what it told with it,
unless the actor keeps that until it knows that it was heard.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blindspots.jobs.job import Progress, Report

_MOST = 1000  # what nobody hears of longer is not worth its memory

Call = tuple[int, int]
"""A call of an actor's: its process, which another takes the place of where it dies, and a number in that."""


@dataclass(frozen=True)
class Told:
    """What an actor knows of no one to have heard."""

    call: Call
    first: int
    """How many messages of the call were before these."""
    messages: tuple[Progress, ...]


class Teller:
    """The actor's side; messages are told by one thread and asked for by another."""

    def __init__(self) -> None:
        self._numbers, self._lock = count(), Lock()
        self.begin()

    def begin(self) -> None:
        """Begin a call, of which nothing is told yet."""
        call = os.getpid(), next(self._numbers)
        with self._lock:
            self._call, self._first, self._messages = call, 0, deque["Progress"]()

    def tell(self, progress: Progress) -> None:
        """Keep a message until it is heard, or too many are newer."""
        with self._lock:
            self._messages.append(progress)
            if len(self._messages) > _MOST:
                self._forget_one()

    def told(self, call: Call | None = None, heard: int = 0) -> Told:
        """Return what is not heard yet by who has ``heard`` so many messages of a call."""
        with self._lock:
            while call == self._call and self._first < heard and self._messages:
                self._forget_one()
            return Told(self._call, self._first, tuple(self._messages))

    def _forget_one(self) -> None:
        self._messages.popleft()
        self._first += 1


class Listener:
    """The other side, of one call: hands what it hears to ``report``, each message once."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.heard: tuple[Call | None, int] = None, 0
        """The call that was heard last, and how many of its messages: for :meth:`Teller.told`."""

    def hear(self, told: Told) -> None:
        """Report what is new in an answer; a call that is begun again, by another actor, is heard from its start."""
        call, heard = self.heard
        heard = heard if call == told.call else 0
        for progress in told.messages[max(0, heard - told.first) :]:
            self._report(progress)
        self.heard = told.call, max(heard, told.first + len(told.messages))
