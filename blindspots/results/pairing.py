"""Two studies' readings of the same images, image by image: what differences of their rates are exact with."""

from dataclasses import dataclass

import numpy as np

from blindspots.results.queries.choice import SetName
from blindspots.results.queries.stored_set import StoredSet, computed
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.store.predictions import NOT_SHOWN


@dataclass(frozen=True)
class Counts:
    """How many images are misread in two studies."""

    both: int
    first: int
    """In the first alone."""
    second: int
    """In the second alone."""
    neither: int

    @property
    def n(self) -> int:
        """All of them."""
        return self.both + self.first + self.second + self.neither


@dataclass(frozen=True)
class _Side:
    """A set in one of two studies, and the images of it that the other has too."""

    stored: StoredSet
    rows: np.ndarray
    label: np.ndarray

    def misread(self, target: str) -> tuple[np.ndarray, np.ndarray]:
        """Tell of each of the images whether ``target`` misreads it, and whether it was shown it."""
        read = computed(self.stored.reads(target))[0][self.rows]
        return read != self.label, read != NOT_SHOWN


class Pairs:
    """Pairs the images of sets that two studies both have."""

    def __init__(self, one: Results, other: Results) -> None:
        """Nothing is read before it is asked for."""
        self._studies = (one, other)
        self._sets: dict[SetName, tuple[_Side, _Side] | None] = {}

    def counts(self, name: SetName, target: str) -> Counts | None:
        """Return how many images of a set ``target`` misreads in both studies, in one, in none.

        Of those that both sets have, and that it was shown in both. None where that is no image, the sets are of
        different data, or one of the studies has not stored what was read. Raises :class:`InputError` for files that
        are lost or damaged.
        """
        array = layout.prediction("plain", target)
        held = [results.find(name.predictions) for results in self._studies]
        if any(each is None or array not in each for each in held):
            return None
        if name not in self._sets:
            self._sets[name] = self._paired(name)
        sides = self._sets[name]
        if sides is None:
            return None
        (misread, seen), (other, seen_too) = (side.misread(target) for side in sides)
        shown = seen & seen_too
        first, second = misread[shown], other[shown]
        if not len(first):
            return None
        both = int((first & second).sum())
        alone = int(first.sum()) - both, int(second.sum()) - both
        return Counts(both, *alone, len(first) - both - sum(alone))

    def _paired(self, name: SetName) -> tuple[_Side, _Side] | None:
        """Return a set in both studies, with the rows of the images that are in both; None where data are others."""
        hashes = [results.group(name.predictions).attrs.get("dataset_sha256") for results in self._studies]
        if hashes[0] is None or hashes[0] != hashes[1]:
            return None
        stored = [StoredSet(results, name) for results in self._studies]
        (one, label), (other, label_too) = (computed(each.example, each.label) for each in stored)
        _, here, there = np.intersect1d(one, other, return_indices=True)
        return _Side(stored[0], here, label[here]), _Side(stored[1], there, label_too[there])
