"""How well scores tell positive from negative examples: the area under the ROC curve."""

from dataclasses import dataclass
from math import exp, isfinite, log, sqrt

import numpy as np

from blindspots.intervals import NORMAL_95


@dataclass(frozen=True)
class Area:
    """The share of pairs, one positive and one negative, in which the positive has the higher score."""

    area: float
    low: float
    high: float
    """The ends of a 95% interval."""


@dataclass(frozen=True)
class AreaDifference:
    """How much larger the area under one curve is than under another, of the same examples."""

    difference: float
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
    of_positive, of_negative = _placements(scores, positive)
    m, n = len(of_positive), len(of_negative)
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


def area_difference(scores: np.ndarray, others: np.ndarray, positive: np.ndarray) -> AreaDifference:
    """Return the area under the curve of ``scores`` less that of ``others``, both (n,) and of the same examples.

    DeLong's variance (1988) of the difference: an example that is hard for both counts for neither. The interval is the
    normal's. Raises as :func:`area_under_curve` does.
    """
    (mine, mine_below), (theirs, theirs_below) = (_placements(each, positive) for each in (scores, others))
    of_positive, of_negative = mine - theirs, mine_below - theirs_below
    difference = float(of_positive.mean())
    half = NORMAL_95 * sqrt(of_positive.var(ddof=1) / len(of_positive) + of_negative.var(ddof=1) / len(of_negative))
    return AreaDifference(difference, difference - half, difference + half)


def _placements(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for every positive example the share of negatives below it, for every negative of positives above it."""
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < 2:
        raise ValueError(f"{m} positive and {n} negative examples: two of either kind are wanted at least")
    above, below = scores[positive], scores[~positive]
    from scipy.stats import rankdata  # half a second, where it is wanted

    together = rankdata(np.concatenate([above, below]))
    return (together[:m] - rankdata(above)) / n, 1 - (together[m:] - rankdata(below)) / m


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-value)) if value > -700 else 0.0
