"""The answer to a question as text, Markdown, LaTeX, CSV or JSON."""

import json
import math
from typing import Any

import xarray as xr

from blindspots.tables.answers.sheet import answer_frame, answer_sheet
from blindspots.tables.sheets.formats import render_sheet


def render_answer(answer: xr.Dataset, form: str, *, width: int | None = None) -> str:
    """Return an answer in one of :data:`~blindspots.tables.FORMATS`; raise :class:`InputError` for another.

    csv and json hold a record a cell, every number unrounded. ``width``: the most characters in a line of text, where
    the columns that do not fit stand below the others; None for no limit.
    """
    if form == "csv":
        return str(answer_frame(answer).to_csv(index=False)).rstrip("\n")
    if form == "json":
        rows = answer_frame(answer).to_dict("records")
        records = [{str(name): _plain(value) for name, value in row.items()} for row in rows]
        return json.dumps({"attributes": answer.attrs, "records": records}, indent=1, allow_nan=False)
    return render_sheet(answer_sheet(answer), form, width=width)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: what is not finite, which it lacks, as None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
