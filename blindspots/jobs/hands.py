"""What a job may ask of several workers at once: to do the parts of its work side by side."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

Part = TypeVar("Part")
Done = TypeVar("Done")


class Hands(Protocol):
    """Workers that do the parts of one job; the job never learns how many they are, or where."""

    def map(self, function: Callable[[Part], Done], parts: Sequence[Part]) -> Iterable[Done]:
        """Yield ``function(part)`` for each of the parts, in their order.

        Where there are several workers, the parts are begun before anything is asked for. The parts and what comes
        back must be small: large things lie in the store, or in a file that every worker
        opens itself. A part may be done more than once, where a worker was lost.
        """
        ...


class OwnHands:
    """The calling process itself, one part after another: the hands of :func:`~blindspots.jobs.run.run_study`."""

    def map(self, function: Callable[[Part], Done], parts: Sequence[Part]) -> Iterable[Done]:
        """Yield ``function(part)`` for each of the parts."""
        return map(function, parts)
