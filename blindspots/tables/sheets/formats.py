"""A table as text, Markdown, LaTeX, CSV or JSON."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from textwrap import fill
from typing import Any

import xarray as xr

from blindspots.errors import InputError
from blindspots.tables.registry import TABLES
from blindspots.tables.sheet import Sheet, check_format
from blindspots.tables.sheets.fitting import BETWEEN, fitted, widths
from blindspots.tables.sheets.layer import LAYERS, layer_sheets
from blindspots.tables.sheets.records import COLUMNS, plain, records
from blindspots.tables.verdict import MARK, agreements, verdicts

_LEGEND = f"{MARK} marks a value whose interval does not overlap with the paper's."
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ESCAPES = str.maketrans(
    {**{each: rf"\{each}" for each in "%&_#$"}, "~": r"\textasciitilde{}", "^": r"\^{}", "±": r"$\pm$"}
    | {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "\n": " ", "\r": " "}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
)


def render(table: xr.Dataset, form: str, *, width: int | None = None) -> str:
    """Return ``table`` in one of the :data:`FORMATS`; raise :class:`InputError` for another.

    text, markdown and latex are for reading; csv and json hold a record a cell with every number unrounded. ``width``:
    the most characters in a line of text, where the columns that do not fit stand below the others; None for no limit.
    """
    if form == "json":
        return json.dumps(_content(table), indent=1, allow_nan=False)
    if form == "csv":
        return _csv(records(table))
    drawn = _drawing(form, width)
    blocks = sheets(table)
    if form != "latex":  # what is said of several blocks alike stands below the last of them
        blocks = [
            replace(each, notes=()) if after and after.notes == each.notes else each
            for each, after in zip(blocks, [*blocks[1:], None], strict=True)
        ]
    closing = _closing(table, form)
    if form == "text" and width is not None:
        closing = ["\n".join(_filled(line, width) for line in part.splitlines()) for part in closing]
    return "\n\n".join([*map(drawn, blocks), *closing])


def render_sheet(sheet: Sheet, form: str, *, width: int | None = None) -> str:
    """Return one block for reading: as text, markdown or latex, as :func:`render` does."""
    return _drawing(form, width)(sheet)


def _drawing(form: str, width: int | None) -> Callable[[Sheet], str]:
    drawn: dict[str, Callable[[Sheet], str]] = {
        "text": partial(_text, width=width),
        "markdown": _markdown,
        "latex": _latex,
    }
    check_format(form, drawn)
    return drawn[form]


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
    writer.writerows({name: _no_formula(value) for name, value in row.items()} for row in rows)
    return text.getvalue().rstrip("\n")


def _no_formula(value: Any) -> Any:
    """Return text so that no spreadsheet takes it for a formula; anything else as it is."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULAS and len(value) > 1 else value


def _closing(table: xr.Dataset, form: str) -> list[str]:
    """Return what a table ends in, where it is one of the paper's."""
    if not is_compared(table):
        return []
    lines = [line.replace("\r", " ").replace("\n", " ") for line in (_LEGEND, *verdicts(table))]
    if form == "markdown":  # what stands two further in is an item of the line above
        lines = [f"  - {line.lstrip()}" if line.startswith(" ") else f"- {line}" for line in lines]
        lines = [_TAG.sub("&lt;", line) for line in lines]
    return ["\n".join(f"% {line}" for line in lines) if form == "latex" else "\n".join(lines)]


def _text(sheet: Sheet, width: int | None = None) -> str:
    parts = [_lines(part) for part in fitted(sheet, width)]
    lines = [line for part in parts[:-1] for line in part[:-1]] + parts[-1]  # one rule between two
    beside = max(80, *map(len, lines)) if width is None else width
    notes = [fill(note, beside) for note in sheet.notes]
    return "\n".join([fill(sheet.title, beside), *lines, *notes])


def _lines(sheet: Sheet) -> list[str]:
    """Return a sheet's lines between rules."""
    each = widths(sheet)
    heads = [head.split("\n") for head in sheet.columns]
    deep = max(map(len, heads))
    raised = list(zip(*([*[""] * (deep - len(head)), *head] for head in heads), strict=True))
    lines = [
        (" " * BETWEEN).join(cell.ljust(width) for cell, width in zip(row, each, strict=True)).rstrip()
        for row in [*raised, *sheet.rows]
    ]
    rule = "-" * max(map(len, lines))
    return [rule, *lines[:deep], rule, *lines[deep:], rule]


def _filled(line: str, width: int) -> str:
    """Break a line into lines of ``width``; those after the first stand two further in."""
    indent = " " * (len(line) - len(line.lstrip()))
    return fill(line.lstrip(), width, initial_indent=indent, subsequent_indent=f"{indent}  ")


def _markdown(sheet: Sheet) -> str:
    lines = [f"**{sheet.title}**", "", _bar(sheet.columns), _bar(("---",) * len(sheet.columns))]
    return "\n".join([*lines, *(_bar(row) for row in sheet.rows), *("", *sheet.notes)]).rstrip()


def _bar(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(" ".join(_TAG.sub("&lt;", cell).replace("|", r"\|").splitlines()) for cell in cells) + " |"


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
