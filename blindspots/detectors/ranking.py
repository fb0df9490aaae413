"""How well scores tell positive from negative examples: the area under the ROC curve."""

from dataclasses import dataclass
from math import exp, isfinite, log, sqrt

import numpy as np
from scipy.stats import rankdata

from blindspots.intervals import NORMAL_95


@dataclass(frozen=True)
class Area:
    """The share of pairs, one positive and one negative, in which the positive has the higher score."""

    area: float
    low: float
    high: float
    """The ends of a 95% interval."""


def area_under_curve(scores: np.ndarray, positive: np.ndarray) -> Area:
    """Return the area under the ROC curve of ``scores`` (n,), a tie counted half, with an interval over the examples.

    ``positive``: (n,) booleans, two of either kind at least. The variance is DeLong's (1988), over examples of both
    kinds; the interval is symmetric in the logit, so that it stays between 0 and 1. An area of 0 or 1 has no such
    interval: the other end is then where it would be with half a pair on the other side. Raises ``ValueError`` for
    fewer examples.
    """
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < 2:
        raise ValueError(f"{m} positive and {n} negative examples: two of either kind are wanted at least")
    above, below = scores[positive], scores[~positive]
    together = rankdata(np.concatenate([above, below]))
    of_positive = (together[:m] - rankdata(above)) / n  # the share of negatives below each
    of_negative = 1 - (together[m:] - rankdata(below)) / m
    area = float(of_positive.mean())
    error = sqrt(of_positive.var(ddof=1) / m + of_negative.var(ddof=1) / n)
    held = min(max(area, 0.5 / (m * n)), 1 - 0.5 / (m * n))
    half = NORMAL_95 * error / (held * (1 - held))
    ends = [_logistic(log(held / (1 - held)) + sign * half) for sign in (-1, 1)]
    if held != area:
        ends[0 if area == 0 else 1] = area
        ends[1 if area == 0 else 0] = held
    assert all(map(isfinite, ends))
    return Area(area, ends[0], ends[1])


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-value)) if value > -700 else 0.0
