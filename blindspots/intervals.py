"""Confidence intervals of rates. Every rate that is reported carries one."""

from functools import lru_cache


@lru_cache(maxsize=4096)
def wilson(count: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of ``count`` in ``n``; (nan, nan) where ``n`` is 0.

    Raises ``ValueError`` where the count is negative or larger than ``n``.
    """
    from scipy.stats import binomtest

    if not 0 <= count <= n:
        raise ValueError(f"a count of {count} does not fit n = {n}")
    if n == 0:
        return float("nan"), float("nan")
    interval = binomtest(count, n).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)
