"""Confidence intervals of rates. Every rate that is reported carries one."""

from math import isnan, nan, sqrt

NORMAL_95 = 1.959963984540054
"""The standard normal's quantile at 0.975: the half width of a 95% interval, in standard errors."""


def wilson(count: float, n: int) -> tuple[float, float]:
    """Return the Wilson score interval at 95% of ``count`` in ``n``; (nan, nan) where ``n`` is 0.

    The closed form, as in Newcombe (1998). ``count`` need not be whole: a rate that is a mean over seeds, or a
    published one, is ``rate * n``. Raises ``ValueError`` where the count is negative or larger than ``n``.
    """
    if not 0 <= count <= n:
        raise ValueError(f"a count of {count} does not fit n = {n}")
    if n == 0:
        return nan, nan
    rate, square = count / n, NORMAL_95**2
    scale = 2 * (n + square)
    middle = (2 * n * rate + square) / scale
    half = NORMAL_95 / scale * sqrt(4 * n * rate * (1 - rate) + square)
    return (0.0 if count == 0 else middle - half), (1.0 if count == n else middle + half)


def overlap(first: tuple[float, float], second: tuple[float, float]) -> int:
    """Return 1 where two intervals have a point in common, 0 where they have none, -1 where one is NaN: not there."""
    if any(isnan(end) for end in (*first, *second)):
        return -1
    return int(first[0] <= second[1] and second[0] <= first[1])


def standard_errors(rate: float, n: int, other: float, other_n: int) -> float:
    """Return ``rate - other`` in pooled standard errors ``sqrt(p (1 - p) (1 / n + 1 / other_n))``, p pooled.

    NaN where nothing varies: both rates 0, or both 1.
    """
    pooled = (rate * n + other * other_n) / (n + other_n)
    error = sqrt(max(pooled * (1 - pooled), 0.0) * (1 / n + 1 / other_n))
    return (rate - other) / error if error else nan


def newcombe(count: float, n: int, other: float, other_n: int) -> tuple[float, float]:
    """Return the 95% interval of ``count / n - other / other_n`` for two independent rates; (nan, nan) where n is 0.

    Newcombe's hybrid of the two Wilson intervals (1998, method 10). Raises as :func:`wilson` does.
    """
    low, high = wilson(count, n)
    other_low, other_high = wilson(other, other_n)
    if n == 0 or other_n == 0:
        return nan, nan
    rate, other_rate = count / n, other / other_n
    difference = rate - other_rate
    below = sqrt((rate - low) ** 2 + (other_high - other_rate) ** 2)
    above = sqrt((high - rate) ** 2 + (other_rate - other_low) ** 2)
    return difference - below, difference + above


def newcombe_paired(both: int, first: int, second: int, neither: int) -> tuple[float, float]:
    """Return the 95% interval of a rate less another, of the same n images; (nan, nan) where there are none.

    ``both``: how many images count in both rates, ``first`` in the first alone, ``second`` in the second alone,
    ``neither`` in none: the difference is ``(first - second) / n``. Newcombe's hybrid of the two Wilson intervals for
    paired data, with their correlation phi (Statistics in Medicine 17, 1998, 2635-2650, method 10). With phi = 0 it is
    :func:`newcombe`'s. Raises ``ValueError`` for a negative count.
    """
    if min(both, first, second, neither) < 0:
        raise ValueError(f"counts of {both}, {first}, {second}, {neither}: none may be negative")
    n = both + first + second + neither
    if n == 0:
        return nan, nan
    rate, other_rate = (both + first) / n, (both + second) / n
    low, high = wilson(both + first, n)
    other_low, other_high = wilson(both + second, n)
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    product: float = both * neither - first * second
    if product > 0:
        product = max(product - n / 2, 0.0)  # the correction for continuity
    phi = product / sqrt(margins) if margins else 0.0

    def width(one: float, two: float) -> float:
        return sqrt(max(one**2 - 2 * phi * one * two + two**2, 0.0))

    difference = rate - other_rate
    return difference - width(rate - low, other_high - other_rate), difference + width(
        high - rate, other_rate - other_low
    )
