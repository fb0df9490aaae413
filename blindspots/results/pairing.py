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


class Pairs:
    """Pairs the images of sets that two studies both have."""

    def __init__(self, one: Results, other: Results) -> None:
        """Nothing is read before it is asked for."""
        self._studies = (one, other)
        self._sets: dict[SetName, tuple[tuple[StoredSet, StoredSet], tuple[np.ndarray, np.ndarray]] | None] = {}

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
        found = self._sets[name]
        if found is None:
            return None
        columns = [(stored.reads(target), stored.label) for stored in found[0]]
        reads, labels = zip(*(computed(*each) for each in columns), strict=True)
        read, label = ([each[rows] for each, rows in zip(both, found[1], strict=True)] for both in (reads, labels))
        shown = (read[0] != NOT_SHOWN) & (read[1] != NOT_SHOWN)
        first, second = ((each != of)[shown] for each, of in zip(read, label, strict=True))
        if not len(first):
            return None
        both = int((first & second).sum())
        alone = int(first.sum()) - both, int(second.sum()) - both
        return Counts(both, *alone, len(first) - both - sum(alone))

    def _paired(self, name: SetName) -> tuple[tuple[StoredSet, StoredSet], tuple[np.ndarray, np.ndarray]] | None:
        """Return a set in both studies, with the rows of the images that are in both."""
        hashes = [results.group(name.predictions).attrs.get("dataset_sha256") for results in self._studies]
        if hashes[0] is None or hashes[0] != hashes[1]:
            return None
        left, right = (StoredSet(results, name) for results in self._studies)
        one, other = (np.asarray(computed(stored.example)[0]) for stored in (left, right))
        _, here, there = np.intersect1d(one, other, return_indices=True)
        return (left, right), (here, there)
