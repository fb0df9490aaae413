"""Two ways of training compared image by image and seed by seed, and many such comparisons together."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtr
from scipy.stats import binomtest

from blindspots.randomness import generator

DRAWS = 4000
_AT_ONCE = 250


@dataclass(frozen=True)
class Comparison:
    """The difference of two errors, with an interval over seeds and images."""

    mean: float
    low: float
    """Lower end of the 95% interval."""
    high: float
    p: float
    """Two-sided, that there is no difference."""


def two_way_bootstrap(differences: np.ndarray, *, seed: int = 0) -> Comparison:
    """Return the mean of ``differences`` with a percentile interval: seeds and images are both drawn with replacement.

    ``differences``: (s, n) of misreadings, -1, 0 or 1, of s pairs of trainings on the same n images. Every draw takes s
    seeds and n images, and what a seed does to an image goes with both (Owen, 2007): the interval is of trainings and
    images alike, and errs on the wide side. With one seed it is over images alone. Draws are too few for the small p
    that many rows together ask for: it is that of the mean over the draws' spread, by Student's distribution for s
    seeds, or by the normal for one.
    """
    seeds, images = differences.shape
    draw = generator(seed, "bootstrap")
    values = differences.astype(np.float64)
    means = []
    for start in range(0, DRAWS, _AT_ONCE):
        count = min(_AT_ONCE, DRAWS - start)
        of_seeds = draw.multinomial(seeds, np.full(seeds, 1 / seeds), count)  # how often each seed is drawn
        of_images = draw.multinomial(images, np.full(images, 1 / images), count)
        means.append(((of_seeds @ values) * of_images).sum(axis=1) / (seeds * images))
    drawn = np.concatenate(means)
    low, high = np.quantile(drawn, (0.025, 0.975))
    mean, spread = float(values.mean()), float(drawn.std(ddof=1))
    if spread == 0:
        return Comparison(mean, float(low), float(high), 1.0 if mean == 0 else 0.0)
    below = -abs(mean) / spread
    p = 2 * float(stdtr(seeds - 1, below) if seeds > 1 else ndtr(below))
    return Comparison(mean, float(low), float(high), p)


def mcnemar(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the exact two-sided p of McNemar's test that two models misread equally often; 1 where they agree.

    ``ours``, ``theirs``: (n,) bool, which images each misreads.
    """
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    together = only_ours + only_theirs
    return 1.0 if not together else float(binomtest(only_ours, together).pvalue)


def holm(values: np.ndarray) -> np.ndarray:
    """Return p values (r,) adjusted for so many rows by Holm's step-down procedure; NaN, for no comparison, stays."""
    adjusted = np.full(len(values), np.nan)
    there = np.flatnonzero(~np.isnan(values))
    order = there[np.argsort(values[there], kind="stable")]
    running = 0.0
    for place, row in enumerate(order):
        running = max(running, min(1.0, (len(order) - place) * float(values[row])))
        adjusted[row] = running
    return adjusted
