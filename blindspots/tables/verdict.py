"""What a table ends in: of so many cells, so many agree with the paper; and those that do not, one by one."""

import xarray as xr

from blindspots.tables.agreement import DECIDES, LEAST, Agreement, Compared, agreement
from blindspots.tables.model_tables import ERRORS

MARK = "!"
"""Stands after a value whose interval does not overlap with the paper's."""


def agreements(table: xr.Dataset) -> list[Agreement]:
    """Return a table's agreement with the paper under each of its rules, the one that decides first.

    The errors of Tables 1 and 3 have no rule: for those there is one alone.
    """
    number = int(table.attrs["table"])
    rules = [DECIDES] if number in ERRORS else sorted(map(str, table["rule"].values), key=lambda rule: rule != DECIDES)
    return [agreement([table], rule=rule) for rule in rules]


def verdicts(table: xr.Dataset) -> list[str]:
    """Return the lines that ``table`` ends in."""
    found = agreements(table)
    of_errors = int(table.attrs["table"]) in ERRORS
    lines = [] if of_errors or found[0].rule == DECIDES else [_undecided(found[0].rule)]
    for index, each in enumerate(found):
        reading = "" if of_errors else f", rule {each.rule}" + (" (it decides)" if each.rule == DECIDES else "")
        lines.append(f"Agreement with the paper{reading}: {counted(each)}.")
        if index == 0:
            lines += [f"  {disagreement(cell)}" for cell in each.disagreeing]
    if table.attrs["split"] != table.attrs["papers_split"]:
        lines.append(
            f"The paper's sets are of {table.attrs['papers_split']} images and these of {table.attrs['split']} images: "
            "they are not compared."
        )
    return lines


def counted(found: Agreement) -> str:
    """Return how many cells overlap, in all and by kind, or that there are too few images for a verdict."""
    small = f"{len(found.too_small)} {_cells(len(found.too_small))} of fewer than {LEAST} images are too small to count"
    if not found.cells:
        return small if found.too_small else "no cell is in the paper"
    kinds = ", ".join(f"{kind} {some} of {n}" for kind, (some, n) in found.by_kind.items())
    text = f"{found.overlapping} of {found.total} {_cells(found.total)} overlap ({kinds})"
    return f"{text}; {small}" if found.too_small else text


def disagreement(cell: Compared) -> str:
    """Return a cell that does not agree in words: both intervals and how far they lie apart."""
    decimals = 2 if max(cell.rate, cell.paper) < 0.05 else 1
    rate, low, high, paper_low, paper_high, apart = (
        f"{100 * value:.{decimals}f}"
        for value in (cell.rate, cell.low, cell.high, cell.paper_low, cell.paper_high, abs(cell.difference))
    )
    sign = "+" if cell.difference > 0 else "-"
    ours, theirs = f"{rate} [{low}, {high}]", f"{cell.paper_printed} [{paper_low}, {paper_high}]"
    errors = f"{sign}{abs(cell.standard_errors):.1f}"
    return f"{cell.text}: {ours}, paper {theirs}: {sign}{apart} points, {errors} standard errors"


def _cells(count: int) -> str:
    return "cell" if count == 1 else "cells"


def _undecided(rule: str) -> str:
    return f"The study has no sets of the rule {DECIDES}, which decides; the rule {rule} comes next."
