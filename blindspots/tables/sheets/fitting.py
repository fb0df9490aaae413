"""A table that is wider than the terminal, cut into tables that are not: columns below columns, none left out."""

from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap

from blindspots.tables.sheet import Sheet

BETWEEN = 2
"""Spaces between columns."""
BESIDE = ("paper", "differs by")
"""Columns that are read beside the one before them, and stay with it."""


def fitted(sheet: Sheet, width: int | None) -> list[Sheet]:
    """Return ``sheet`` as sheets of at most ``width`` characters, each of which begins with its first column.

    Whole where it fits or ``width`` is None. A column that is wider, with those :data:`BESIDE` it, stands alone. The
    notes are those of the last.
    """
    if width is None or _room(widths(sheet)) <= width:
        return [sheet]
    narrow = replace(sheet, columns=tuple(map(_wrapped, sheet.columns, zip(*sheet.rows, strict=True))))
    each = widths(narrow)
    groups: list[list[int]] = []
    for together in _together(sheet.columns):
        if groups and _room([each[at] for at in (0, *groups[-1], *together)]) <= width:
            groups[-1] += together
        else:
            groups.append(list(together))
    parts = [_columns(narrow, (0, *group)) for group in groups]
    return [*(replace(part, notes=()) for part in parts[:-1]), *parts[-1:]]


def widths(sheet: Sheet) -> list[int]:
    """Return the widths of the columns; a head may have several lines."""
    table = [sheet.columns, *sheet.rows]
    return [max(len(line) for row in table for line in row[at].split("\n")) for at in range(len(sheet.columns))]


def _room(each: Sequence[int]) -> int:
    return sum(each) + BETWEEN * (len(each) - 1)


def _wrapped(head: str, cells: Sequence[str]) -> str:
    """Break a head into lines that are no wider than the cells below it, or than its longest word."""
    widest = max(map(len, [*cells, *head.split(" ")]))
    return "\n".join(wrap(head, widest, break_long_words=False, break_on_hyphens=False)) or head


def _together(columns: Sequence[str]) -> list[list[int]]:
    """Return the places of the columns after the first, those that stay together as one."""
    found: list[list[int]] = []
    for at, head in enumerate(columns[1:], start=1):
        if found and head in BESIDE:
            found[-1].append(at)
        else:
            found.append([at])
    return found


def _columns(sheet: Sheet, places: Sequence[int]) -> Sheet:
    def of(row: Sequence[str]) -> tuple[str, ...]:
        return tuple(row[at] for at in places)

    return replace(sheet, columns=of(sheet.columns), rows=tuple(map(of, sheet.rows)))
