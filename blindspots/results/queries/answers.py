"""An answer: an xarray dataset that says what was asked, with an interval beside every share."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from blindspots.intervals import wilson
from blindspots.names import NO_RULE
from blindspots.results.queries.choice import Choice, SetName

ANSWER = "answer"
"""What answers are called as tables."""

Variables = dict[str, tuple[Any, ...]]


def answer(
    question: str,
    title: str,
    variables: Variables,
    coordinates: Mapping[str, Any],
    *,
    note: str = "",
    brackets: str = "95% intervals",
) -> xr.Dataset:
    """Return an answer: ``variables`` are (dims, values, what it is) or (dims, values, what it is, units).

    ``brackets``: what ``<name>_low`` and ``<name>_high`` are.
    """
    made = {
        name: (dims, np.asarray(values), {"long_name": about, "units": units[0] if units else "1"})
        for name, (dims, values, about, *units) in variables.items()
    }
    attributes = {"table": ANSWER, "question": question, "title": title, "note": note, "brackets": brackets}
    return xr.Dataset(made, {dim: np.asarray(values) for dim, values in coordinates.items()}, attributes)


def shares(name: str, dims: Any, counts: np.ndarray, n: np.ndarray, about: str) -> Variables:
    """Return ``name``, ``name_low`` and ``name_high``: counts over n, with Wilson's 95% interval; NaN where n is 0."""
    counts, n = np.broadcast_arrays(np.asarray(counts), np.asarray(n))
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(n > 0, counts / n, np.nan)
    ends = np.array([wilson(int(count), int(of)) for count, of in zip(counts.flat, n.flat, strict=True)])
    low, high = ends.reshape(-1, 2).T.reshape(2, *counts.shape)
    return {
        name: (dims, rate, about),
        f"{name}_low": (dims, low, f"lower end of the 95% interval of: {about}"),
        f"{name}_high": (dims, high, f"upper end of the 95% interval of: {about}"),
    }


def said_of(sets: Sequence[SetName], choice: Choice) -> str:
    """Return which sets an answer is about."""
    splits, rules = (sorted({getattr(each, field) for each in sets}) for field in ("split", "rule"))
    said = f"split {' and '.join(splits)}"
    said += f", rule {' and '.join(rules)}" if rules != [NO_RULE] else ""
    said += f", seed {choice.seed}" if choice.seed else ""
    said += f", shown {choice.variant}" if choice.variant != "plain" else ""
    return said + (f", classes {', '.join(choice.classes)}" if choice.classes else "")
