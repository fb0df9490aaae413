"""The cells of tables laid out for reading: numbers and intervals as texts, and what stands above them."""

from typing import Any

import numpy as np
import xarray as xr

from blindspots.tables.agreement import DECIDES
from blindspots.tables.verdict import MARK

_MOST = 4
"""Decimals of a percentage at most: those of one image of a million."""


def title(table: xr.Dataset) -> str:
    """Return what stands above a table."""
    about = table.attrs
    of = f"study {about['study']}, {about['dataset']}, sets of {about['split']} images"
    return f"Table {about['table']}: {about['title']}; {of}"


def names(table: xr.Dataset, dim: str) -> list[str]:
    """Return the names along a dimension."""
    return [str(name) for name in table[dim].values]


def rules(table: xr.Dataset) -> list[str]:
    """Return a table's rules in the order in which they are shown: the one that decides first."""
    return sorted(names(table, "rule"), key=lambda rule: rule != DECIDES)


def percent(value: Any) -> str:
    """Return a share in percent with up to two decimals, or with more as :func:`rounded`; nothing for NaN."""
    share = float(value)
    return "" if np.isnan(share) else rounded(share, 2).rstrip("0").rstrip(".")


def rounded(share: float, decimals: int) -> str:
    """Return a share in percent with so many decimals, or with up to four where fewer do not tell it from 0 and 1.

    What lies between the two is printed as neither: what four decimals do not tell apart from one is the next to it.
    """
    shown = 100 * share
    if not 0 < share < 1:
        return f"{shown:.{decimals}f}"
    while decimals < _MOST and round(shown, decimals) in (0, 100):
        decimals += 1
    nearest = 10.0**-decimals
    return f"{min(max(shown, nearest), 100 - nearest):.{decimals}f}"


def rate(value: Any, low: Any, high: Any, *, flag: Any = -1, decimals: int = 1) -> str:
    """Return a rate in percent with its interval, marked where ``flag`` is 0; nothing for NaN."""
    numbers = [100 * float(each) for each in (value, low, high)]
    if np.isnan(numbers[0]):
        return ""
    shown = [f"{each:.{decimals}f}" for each in numbers]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]" + (MARK if int(flag) == 0 else "")


def printed(text: Any, low: Any, high: Any, *, decimals: int = 1) -> str:
    """Return a published percentage as the paper prints it, with its interval; nothing where there is none."""
    if not str(text):
        return ""
    return f"{text} [{100 * float(low):.{decimals}f}, {100 * float(high):.{decimals}f}]"


def number(value: Any, decimals: int) -> str:
    """Return a number with so many decimals; nothing for NaN."""
    return "" if np.isnan(float(value)) else f"{float(value):.{decimals}f}"


def mean(cell: xr.Dataset, name: str, decimals: int) -> str:
    """Return a mean with its interval; nothing for NaN, a mean of no images, and no interval where there is none."""
    value, low, high = (number(cell[each], decimals) for each in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]" if low else value


def span(values: Any) -> str:
    """Return whole numbers as ``1000``, or ``930 to 1000`` where they differ; zeros, for no cell, are left out."""
    found = sorted({int(value) for value in np.asarray(values).flat} - {0})
    if not found:
        return "0"
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
