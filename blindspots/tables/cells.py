"""The rates in tables, read out of a store's ``transfer``: means over the study's seeds, with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.names import CLEAN, NO_RULE
from blindspots.results.results import UNFINISHED, Results
from blindspots.store import layout


@dataclass(frozen=True)
class Rate:
    """A share of images: the mean over seeds, with its sampling interval and its spread.

    All seeds are shown the same images, so that they are not independent: the interval is Wilson's at the mean rate
    and the number of images of one seed.
    """

    count: float
    """Images of which it is true, out of ``n``: the mean over seeds."""
    n: int
    """Images of one seed."""
    spread: float
    """Standard deviation of the rate over seeds; NaN with one seed."""

    @property
    def rate(self) -> float:
        """The share of images; NaN where there are none."""
        return self.count / self.n if self.n else nan

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson 95% interval."""
        return wilson(self.count, self.n)


def mean_rate(counts: Sequence[float], ns: Sequence[int]) -> Rate:
    """Return the mean of ``counts[i] / ns[i]`` over seeds or pairs i; where they differ in images, n is the least."""
    n = min(ns)
    scaled = [count * (n / each) if each else 0.0 for count, each in zip(counts, ns, strict=True)]
    spread = float(np.std([each / n for each in scaled], ddof=1)) if n and len(scaled) > 1 else nan
    return Rate(min(sum(scaled) / len(scaled), n), n, spread)


@dataclass(frozen=True)
class Cell:
    """What one model, the target, read in one set as it was shown."""

    misread: Rate
    """Images not read as their label, among all: also those misread from the start."""
    as_target: Rate
    """Images read as the target of their perturbation; of none where the set has no targets."""
    clean: Rate
    """The same images not read as their label without the perturbation."""
    distortion: float
    """Mean distortion of all images as shown."""


class Transfer:
    """A store's ``transfer`` in memory, looked up by name; seed s of a source was shown to seed s of a target."""

    _COUNTS = ("n", "misread", "as_target", "clean_misread")

    def __init__(self, results: Results) -> None:
        found = results.group(layout.TRANSFER)
        self._places = {
            str(dim): {value: index for index, value in enumerate(found[dim].values.tolist())} for dim in found.dims
        }
        order = ("source", "target", "seed", "split", "rule", "variant")
        found = found[[*self._COUNTS, "distortion"]].load().transpose(*order)  # read before it is turned: once a store
        self._counts = {name: found[name].values for name in self._COUNTS}
        self._distortion = found["distortion"].values
        self._seeds = range(results.study.seeds)

    def cell(self, source: str, target: str, *, split: str, rule: str, variant: str = "plain") -> Cell:
        """Return what ``target`` read in the set of ``source``; raise :class:`InputError` where the store lacks it."""
        places = self._of_seeds(source, target, split=split, rule=rule, variant=variant)
        n, misread, as_target, clean = ([int(self._counts[name][at]) for at in places] for name in self._COUNTS)
        targets = n if rule != NO_RULE else [0] * len(n)
        return Cell(
            misread=mean_rate(misread, n),
            as_target=mean_rate(as_target, targets),
            clean=mean_rate(clean, n),
            distortion=0.0 if source == CLEAN else float(np.mean([self._distortion[at] for at in places])),
        )

    def rate(self, source: str, target: str, *, split: str, rule: str, variant: str = "plain") -> Rate:
        """Return how often ``target`` misreads the set of ``source``: :meth:`cell`'s ``misread``."""
        return self.cell(source, target, split=split, rule=rule, variant=variant).misread

    def by_seed(self, source: str, target: str, *, split: str, rule: str, variant: str = "plain") -> np.ndarray:
        """Return how often each seed (s,) of ``target`` misreads the set of the same seed of ``source``."""
        places = self._of_seeds(source, target, split=split, rule=rule, variant=variant)
        return np.array([self._counts["misread"][at] / self._counts["n"][at] for at in places])

    def _of_seeds(self, source: str, target: str, *, split: str, rule: str, variant: str) -> list[tuple[int, ...]]:
        return [
            self._place(source=source, target=target, seed=seed, split=split, rule=rule, variant=variant)
            for seed in self._seeds
        ]

    def _place(self, **wanted: str | int) -> tuple[int, ...]:
        try:
            at = tuple(self._places[dim][value] for dim, value in wanted.items())
        except KeyError:
            at = ()
        if not at or self._counts["n"][at] == 0:
            source, target, seed, split, rule, variant = wanted.values()
            lacking = layout.pair_job(str(source), str(target), int(seed))
            raise InputError(f"the store lacks {lacking} (split {split}, rule {rule}, {variant}); {UNFINISHED}")
        return at
