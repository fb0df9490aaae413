"""Two ways of training compared image by image and seed by seed, and many such comparisons together."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, stdtr

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
    images alike. Of a few seeds it is too narrow, since so few draws of them differ; with one it is over images alone.
    p is that of the mean over the draws' spread, by Student's distribution for s seeds, which knows how few they are,
    or by the normal for one: draws alone are too few for the small p that many rows together ask for.
    """
    seeds, images = differences.shape
    values = differences.astype(np.float32)  # of whole numbers, whose sums are exact
    sums = [
        (of_seeds * (values @ of_images.T.astype(np.float32)).T).sum(axis=1)
        for of_seeds, of_images in _draws(seeds, images, seed)
    ]
    drawn = np.concatenate(sums) / (seeds * images)
    low, high = np.quantile(drawn, (0.025, 0.975))
    mean, spread = float(differences.mean()), float(drawn.std(ddof=1))
    if spread == 0:
        return Comparison(mean, float(low), float(high), 1.0 if mean == 0 else 0.0)
    below = -abs(mean) / spread
    p = 2 * float(stdtr(seeds - 1, below) if seeds > 1 else ndtr(below))
    return Comparison(mean, float(low), float(high), p)


@lru_cache(maxsize=1)
def _draws(seeds: int, images: int, seed: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return how often each seed (b, s) and each image (b, n) is drawn, some draws at a time: the same for all rows."""
    draw, found = generator(seed, "bootstrap"), []
    for start in range(0, DRAWS, _AT_ONCE):
        count = min(_AT_ONCE, DRAWS - start)
        of_seeds = draw.multinomial(seeds, np.full(seeds, 1 / seeds), count)
        of_images = draw.multinomial(images, np.full(images, 1 / images), count)
        found.append((of_seeds, of_images.astype(np.uint8)))  # an image is drawn a few times at most
    return tuple(found)


def mcnemar(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the exact two-sided p of McNemar's test that two models misread equally often; 1 where they agree.

    ``ours``, ``theirs``: (n,) bool, which images each misreads.
    """
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    together = only_ours + only_theirs
    from scipy.stats import binomtest  # half a second, where it is wanted

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
