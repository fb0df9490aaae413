"""A table as text, Markdown, LaTeX, CSV or JSON."""

import csv
import io
import json
from dataclasses import replace
from textwrap import fill
from typing import Any

import xarray as xr

from blindspots.errors import InputError
from blindspots.tables.registry import TABLES
from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.layer import LAYERS, layer_sheets
from blindspots.tables.sheets.records import COLUMNS, plain, records
from blindspots.tables.verdict import MARK, agreements, verdicts

FORMATS = ("text", "markdown", "csv", "latex", "json")

_LEGEND = f"{MARK} marks a value whose interval does not overlap with the paper's."
_ESCAPES = str.maketrans(
    {**{each: rf"\{each}" for each in "%&_#$"}, "~": r"\textasciitilde{}", "^": r"\^{}", "±": r"$\pm$"}
)


def render(table: xr.Dataset, form: str) -> str:
    """Return ``table`` in one of the :data:`FORMATS`; raise :class:`InputError` for another.

    text, markdown and latex are for reading; csv and json hold a record a cell with every number unrounded.
    """
    if form == "json":
        return json.dumps(_content(table), indent=1, allow_nan=False)
    if form == "csv":
        return _csv(records(table))
    try:
        draw = {"text": _text, "markdown": _markdown, "latex": _latex}[form]
    except KeyError:
        raise InputError(f"no format is called {form!r}; there are {', '.join(FORMATS)}") from None
    blocks = sheets(table)
    if form != "latex":  # what is said of several blocks alike stands below the last of them
        blocks = [
            replace(each, notes=()) if after and after.notes == each.notes else each
            for each, after in zip(blocks, [*blocks[1:], None], strict=True)
        ]
    return "\n\n".join([*map(draw, blocks), *_closing(table, form)])


def sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the blocks in which ``table`` is laid out for reading."""
    name = str(table.attrs["table"])
    if name == LAYERS:  # of any model's bounds: no table of a study
        return layer_sheets(table)
    if name not in TABLES:
        raise InputError(f"there is no layout for a table {name!r}; use csv or json")
    return TABLES[name].sheets(table)


def is_compared(table: xr.Dataset) -> bool:
    """Tell whether ``table`` is one of the paper's that ends in a verdict."""
    name = str(table.attrs["table"])
    return name in TABLES and TABLES[name].compared


def _content(table: xr.Dataset) -> dict[str, Any]:
    attributes = {name: value for name, value in table.attrs.items() if name != COLUMNS}  # the records say it
    content = {"attributes": _finite(attributes), "records": records(table)}
    if is_compared(table):
        content |= {"verdicts": verdicts(table), "agreement": [_finite(each.record()) for each in agreements(table)]}
    return content


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return list(map(_finite, value)) if isinstance(value, list) else plain(value)


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def _closing(table: xr.Dataset, form: str) -> list[str]:
    """Return what a table ends in, where it is one of the paper's."""
    if not is_compared(table):
        return []
    lines = [_LEGEND, *verdicts(table)]
    if form == "markdown":  # what stands two further in is an item of the line above
        lines = [f"  - {line.lstrip()}" if line.startswith(" ") else f"- {line}" for line in lines]
    return ["\n".join(f"% {line}" for line in lines) if form == "latex" else "\n".join(lines)]


def _text(sheet: Sheet) -> str:
    table = [sheet.columns, *sheet.rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(sheet.columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    rule = "-" * max(map(len, lines))
    notes = [fill(note, max(len(rule), 80)) for note in sheet.notes]
    return "\n".join([fill(sheet.title, max(len(rule), 80)), rule, lines[0], rule, *lines[1:], rule, *notes])


def _markdown(sheet: Sheet) -> str:
    lines = [f"**{sheet.title}**", "", _bar(sheet.columns), _bar(("---",) * len(sheet.columns))]
    return "\n".join([*lines, *(_bar(row) for row in sheet.rows), *("", *sheet.notes)]).rstrip()


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
