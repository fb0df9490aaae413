"""Numbers as the page prints them."""

import math

from blindspots.tables.agreement import Compared

SIGNS = {"higher": "▲", "lower": "▼"}
"""What stands at a value that is higher or lower than the paper's: told apart without colour."""


def rate(share: float, decimals: int) -> str:
    """Return a share in percent, without the sign; nothing for NaN."""
    return "" if math.isnan(share) else f"{100 * share:.{decimals}f}"


def interval(low: float, high: float, decimals: int) -> str:
    """Return an interval of shares in percent; nothing for NaN."""
    return "" if math.isnan(low) else f"[{rate(low, decimals)}, {rate(high, decimals)}]"


def number(value: float, decimals: int) -> str:
    """Return a number with so many decimals; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:.{decimals}f}".replace("-", "−")


def count(value: int) -> str:
    """Return a whole number with its thousands set apart by a thin space that does not break."""
    return f"{value:,}".replace(",", "\u202f")


def signed(value: float, decimals: int) -> str:
    """Return a number with its sign; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:+.{decimals}f}".replace("-", "−")


def decimals_of(compared: Compared) -> int:
    """Return how many decimals of a percentage are shown: two where both rates are small."""
    return 2 if max(compared.rate, compared.paper) < 0.05 else 1


def points(compared: Compared) -> str:
    """Return how far ours is from the paper's, in points and in pooled standard errors."""
    apart = f"{signed(100 * compared.difference, decimals_of(compared))} points"
    if math.isnan(compared.standard_errors):
        return apart
    return f"{apart}, {signed(compared.standard_errors, 1)} pooled standard errors"
