"""The answer to a question laid out for reading: a row a cell, an interval beside what it is of."""

from typing import Any

import xarray as xr

from blindspots.tables.sheet import Sheet

_LOW, _HIGH = "_low", "_high"
_RANK = "image"  # the dimension of lists, whose numbers say no more than the order does


def answer_frame(answer: xr.Dataset) -> Any:
    """Return an answer as a pandas frame, a row a cell; cells of no images are left out."""
    dims = max((array.dims for array in answer.data_vars.values()), key=len)
    found = answer.to_dataframe(dim_order=[str(dim) for dim in dims]).reset_index()
    return found[found["n"] > 0] if "n" in found else found


def answer_sheet(answer: xr.Dataset) -> Sheet:
    """Return the one block. What its columns are stands below it."""
    frame = answer_frame(answer)
    columns = [str(name) for name in frame.columns if name != _RANK]
    names = [name for name in columns if not name.endswith((_LOW, _HIGH))]
    cells = tuple(tuple(_cell(row, name) for name in names) for row in frame.to_dict("records"))
    about = [f"{name}: {answer[name].attrs['long_name']}." for name in names if "long_name" in answer[name].attrs]
    ended = [f"In brackets: {answer.attrs['brackets']}."] if len(names) < len(columns) else []
    title, note = str(answer.attrs["title"]), str(answer.attrs["note"])
    notes = " ".join([*([note] if note else []), *about, *ended])
    return Sheet(title[:1].upper() + title[1:], tuple(names), cells, (notes,))


def _cell(row: dict[str, Any], name: str) -> str:
    low, high = row.get(f"{name}{_LOW}"), row.get(f"{name}{_HIGH}")
    if low is None or high is None:
        return _shown(row[name])
    return f"{_shown(row[name])} [{_shown(low)}, {_shown(high)}]"


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
