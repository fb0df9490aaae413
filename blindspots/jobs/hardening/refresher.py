"""A training's side of its pools: the weights that it leaves for the workers, and what it takes of theirs.

A round is made while the round before it is trained, from the weights at that one's beginning: *exactly* one round
behind, whether the workers were quick or the training had to wait for them.
"""

from collections.abc import Generator, Iterable, Mapping
from functools import partial
from time import perf_counter

from blindspots.jobs.hands import Hands
from blindspots.jobs.hardening.work import Part, PoolWork, make_part
from blindspots.store.arrays import CorruptShardError
from blindspots.training.hardening.perturbing import Perturbed
from blindspots.training.hardening.refreshing import Weights, joined


class StoredRefresher:
    """Has the groups of rounds made by ``hands``, through the store."""

    def __init__(self, work: PoolWork, hands: Hands) -> None:
        self._work, self._hands = work, hands
        self._under_way: dict[int, Iterable[float]] = {}
        self._spent, self._waited = 0.0, 0.0

    def begin(self, number: int, weights: Weights) -> None:
        """Leave the weights, and hand out the parts."""
        self._work.leave_weights(number, weights)
        self._under_way[number] = self._hands.map(partial(make_part, self._work), self._work.parts(number))

    def take(self, number: int) -> Mapping[int, Perturbed]:
        """Wait for all parts of a round, and return them by layer; their files are deleted."""
        started, work = perf_counter(), self._work
        self._spent += sum(self._under_way.pop(number))
        self._waited += perf_counter() - started
        found = {
            layer: joined([self._read(part) for part in work.parts(number) if part[1] == layer])
            for layer in work.pools.layers
        }
        work.forget(number)
        return found

    def give_up(self) -> None:
        """Have nothing more be made of what is under way and was not begun yet: nobody is going to take it."""
        for results in self._under_way.values():
            if isinstance(results, Generator):
                results.close()
        self._under_way.clear()

    def told(self) -> str:
        """Return how long the makers worked and the training waited since this was asked last."""
        said = f"made in {self._spent:.1f} s of work, waited {self._waited:.1f} s"
        self._spent = self._waited = 0.0
        return said

    def _read(self, part: Part) -> Perturbed:
        try:
            return self._work.read(part)
        except CorruptShardError:  # damaged on its way: made again, by this process
            self._work.workspace.place.delete(self._work.key(part))
            self._spent += make_part(self._work, part)
            return self._work.read(part)
