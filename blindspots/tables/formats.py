"""A table as text, Markdown, LaTeX, CSV or JSON."""

import csv
import io
import json
import math
from textwrap import fill
from typing import Any

import xarray as xr

from blindspots.errors import InputError
from blindspots.tables.sheet import MARK, Sheet, sheets, verdicts

FORMATS = ("text", "markdown", "csv", "latex", "json")

_LEGEND = f"{MARK} marks a value whose interval does not overlap with the paper's."
_ESCAPES = str.maketrans({"%": r"\%", "&": r"\&", "_": r"\_", "#": r"\#", "$": r"\$", "~": r"\textasciitilde{}"})


def render(table: xr.Dataset, form: str) -> str:
    """Return ``table`` in one of the :data:`FORMATS`; raise :class:`InputError` for another.

    text, markdown and latex are for reading; csv and json hold a record a cell with every number unrounded.
    """
    if form == "json":
        content = {"attributes": dict(table.attrs), "verdicts": verdicts(table), "records": records(table)}
        return json.dumps(content, indent=1, allow_nan=False)
    if form == "csv":
        return _csv(records(table))
    try:
        draw = {"text": _text, "markdown": _markdown, "latex": _latex}[form]
    except KeyError:
        raise InputError(f"no format is called {form!r}; there are {', '.join(FORMATS)}") from None
    return "\n\n".join([*(draw(sheet) for sheet in sheets(table)), _closing(table, form)])


def records(table: xr.Dataset) -> list[dict[str, Any]]:
    """Return a record for each cell of the widest variables, with what its row says repeated; NaN as None."""
    dims = max((tuple(str(dim) for dim in array.dims) for array in table.data_vars.values()), key=len)
    found: list[dict[str, Any]] = []
    for place in _places(table, dims):
        cell = table.sel(place)
        values = {str(name): _plain(array.item()) for name, array in cell.data_vars.items()}
        found.append({**{name: str(value) for name, value in place.items()}, **values})
    return found


def _places(table: xr.Dataset, dims: tuple[str, ...]) -> list[dict[str, Any]]:
    places: list[dict[str, Any]] = [{}]
    for dim in dims:
        places = [{**place, dim: value} for place in places for value in table[dim].values]
    return places


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, int | float) else str(value)


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def _closing(table: xr.Dataset, form: str) -> str:
    lines = [_LEGEND, *verdicts(table)]
    if form == "latex":
        return "\n".join(f"% {line}" for line in lines)
    return "\n".join(f"- {line}" for line in lines) if form == "markdown" else "\n".join(lines)


def _text(sheet: Sheet) -> str:
    table = [sheet.columns, *sheet.rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(sheet.columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    rule = "-" * max(map(len, lines))
    notes = [fill(note, max(len(rule), 80)) for note in sheet.notes]
    return "\n".join([sheet.title, rule, lines[0], rule, *lines[1:], rule, *notes])


def _markdown(sheet: Sheet) -> str:
    lines = [f"**{sheet.title}**", "", _bar(sheet.columns), _bar(("---",) * len(sheet.columns))]
    return "\n".join([*lines, *(_bar(row) for row in sheet.rows), "", *sheet.notes])


def _bar(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _latex(sheet: Sheet) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "  " + " & ".join(cell.translate(_ESCAPES) for cell in cells) + r" \\"

    return "\n".join(
        [
            r"\begin{table}",
            rf"  \caption{{{sheet.title.translate(_ESCAPES)}. {' '.join(sheet.notes).translate(_ESCAPES)}}}",
            rf"  \begin{{tabular}}{{l{'r' * (len(sheet.columns) - 1)}}}",
            r"  \toprule",
            line(sheet.columns),
            r"  \midrule",
            *(line(row) for row in sheet.rows),
            r"  \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
    )
