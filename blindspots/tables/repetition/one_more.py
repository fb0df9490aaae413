"""What one more training would print, told from the trainings that there are.

Let p_1 to p_S be the rates of S trainings in one cell. On the scale a = arcsin(sqrt(p)), where a rate's spread depends
least on the rate, trainings are taken for normal, so that one more lies at mean(a) + s sqrt(1 + 1/S) t, with the
standard deviation s of the S and Student's t of S - 1 degrees of freedom. Of it the paper counts k misread among N
images that it draws: k is binomial with p = sin(a)^2. Where it counts a whole split, images that we have too, nothing
is drawn, and k is N p. What it prints is k / N, rounded: so a printed value is a range.

The distribution of k is thus a mean of binomials over t, which is taken at the middles of equal shares of it: of few
for where its middle 95% end, of many for how little there is beyond a value far out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import bdtr, stdtr, stdtrit

_NODES, _FAR_OUT = 200, 20_000
"""Shares of t's distribution."""
CENTRAL = 0.95
"""Share of what one more training would print that is between the two ends."""


@dataclass(frozen=True)
class OneMore:
    """What one more training would print in a cell; all of it in shares of 1."""

    rates: tuple[float, ...]
    """Of the trainings that there are; two at least."""
    n: int
    """Images that the paper counts."""
    drawn: bool
    """Whether it draws them, or counts all of a split."""

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The central 95%: less is printed with 2.5% at most, and more as well."""
        tail = (1 - CENTRAL) / 2
        if not self.drawn:
            return self._quantile(tail), self._quantile(1 - tail)
        return self._count(tail) / self.n, self._count(1 - tail) / self.n

    def holds(self, printed: tuple[float, float]) -> bool:
        """Tell whether a printed value, from its least to its largest, lies within the central 95%."""
        low, high = self.interval
        return printed[0] <= high and low <= printed[1]

    def chance(self, printed: tuple[float, float]) -> float:
        """Return how likely one more training prints a value as far out, on either side, twice the less likely one."""
        least, largest = printed
        return min(1.0, 2 * min(self._at_most(largest), 1 - self._below(least)))

    def resampled(self) -> tuple[float, float]:
        """Return the central 95% without a normal distribution: the bootstrap's, of a training and of its images.

        A training is drawn among those that there are, and images among its own: with all resamples there could be,
        the mean of their binomials. It knows nothing of trainings farther out than these.
        """
        tail = (1 - CENTRAL) / 2
        rates = np.asarray(self.rates)
        if not self.drawn:
            return float(np.quantile(rates, tail)), float(np.quantile(rates, 1 - tail))
        return _least_count(rates, self.n, tail) / self.n, _least_count(rates, self.n, 1 - tail) / self.n

    @cached_property
    def _nodes(self) -> np.ndarray:
        """(m,) rates of one more training, each as likely as any other."""
        return self._rate(_middles(_NODES))

    @cached_property
    def _far_nodes(self) -> np.ndarray:
        """The same, of as many as tell what is far out."""
        return self._rate(_middles(_FAR_OUT))

    @cached_property
    def _normal(self) -> tuple[float, float, int]:
        """The middle of one more training's angle, its scale, and Student's degrees of freedom."""
        angles = np.arcsin(np.sqrt(np.asarray(self.rates)))
        scale = float(angles.std(ddof=1)) * np.sqrt(1 + 1 / len(angles))
        return float(angles.mean()), float(scale), len(angles) - 1

    def _rate(self, share: np.ndarray) -> np.ndarray:
        """Return the rates that shares of trainings stay below."""
        middle, scale, freedom = self._normal
        at = middle + scale * stdtrit(freedom, share)
        found: np.ndarray = np.sin(np.clip(at, 0, np.pi / 2)) ** 2
        return found

    def _share(self, rate: float) -> float:
        """Return the share of trainings that stay below a rate, which none has to the last digit."""
        middle, scale, freedom = self._normal
        away = float(np.arcsin(np.sqrt(np.clip(rate, 0, 1)))) - middle
        return float(stdtr(freedom, away / scale)) if scale else float(away > 0)

    def _quantile(self, share: float) -> float:
        return float(self._rate(np.array([share]))[0])

    def _count(self, share: float) -> int:
        return _least_count(self._nodes, self.n, share)

    def _at_most(self, rate: float) -> float:
        """Return how likely a rate of ``rate`` or less is."""
        if not self.drawn:
            return self._share(rate + _ROUNDED)
        return _mean_binomial(self._far_nodes, self.n, int(np.floor(rate * self.n + _ROUNDED)))

    def _below(self, rate: float) -> float:
        """Return how likely a rate below ``rate`` is."""
        if not self.drawn:
            return self._share(rate - _ROUNDED)
        return _mean_binomial(self._far_nodes, self.n, int(np.ceil(rate * self.n - _ROUNDED)) - 1)


def _middles(count: int) -> np.ndarray:
    """Return the middles of so many equal shares of 1."""
    middles: np.ndarray = (np.arange(count) + 0.5) / count
    return middles


_ROUNDED = 1e-9
"""A count out of a rate, and a rate out of an angle, are whole or equal but for roundings."""


def _mean_binomial(rates: np.ndarray, n: int, count: int) -> float:
    """Return how likely ``count`` or fewer of ``n`` are misread, where each of ``rates`` is as likely."""
    return 0.0 if count < 0 else float(bdtr(min(count, n), n, rates).mean())


def _least_count(rates: np.ndarray, n: int, share: float) -> int:
    """Return the least count that is not exceeded with at least the probability ``share``."""
    low, high = -1, n  # not enough, and enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _mean_binomial(rates, n, middle) >= share - _ROUNDED else (middle, high)
    return high


def printed_as(rates: np.ndarray, decimals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest rate that is printed in percent, with so many decimals, as each of ``rates``."""
    scale = 10.0**decimals
    percent = np.round(100 * rates * scale) / scale
    half = 0.5 / scale
    return np.maximum(percent - half, 0) / 100, np.minimum(percent + half, 100) / 100


def decimals_printed(printed: Sequence[str]) -> np.ndarray:
    """Return how many decimals percentages are printed with."""
    return np.array([len(text.partition(".")[2]) for text in printed])
