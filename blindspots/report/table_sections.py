"""The sections of the page that hold tables, one for each that there is."""

from collections.abc import Iterator
from itertools import zip_longest

import xarray as xr

from blindspots.errors import InputError
from blindspots.figures.registry import FIGURES
from blindspots.report.blocks import Block, Missing, Section, Text
from blindspots.report.figure_sections import figure_blocks
from blindspots.report.findings import Ledger
from blindspots.report.grids import distortion_grids, error_grid, sheet_grid, transfer_grid
from blindspots.results.results import Results
from blindspots.tables.drawing import read_table
from blindspots.tables.registry import TABLES, Table
from blindspots.tables.sheets.cells import rules

Read = xr.Dataset | Missing
"""A table, or why it is not there."""


def read(name: str, results: Results) -> Read:
    """Return the table ``name``, or the sentence that says what the study or the store lacks for it."""
    if lacking := TABLES[name].lacks(results.study):
        return Missing(f"The study has {lacking}.", unasked=True)
    try:
        return read_table(name, results)
    except InputError as error:
        return Missing(f"Left out: {error}.")


def table_section(entry: Table, table: Read, results: Results, ledger: Ledger) -> Section:
    """Return the section of a table; disagreements with the paper go into ``ledger``."""
    if isinstance(table, Missing):
        blocks: Iterator[Block] = iter((table,))
    elif entry.compared:
        blocks = _compared(entry.name, table, ledger)
    else:
        blocks = _of_sheets(entry, table, results)
    return Section(f"table-{entry.name}", entry.heading or entry.title, tuple(blocks))


def _compared(name: str, table: xr.Dataset, ledger: Ledger) -> Iterator[Block]:
    """Yield a table of the paper's, ours above the paper's in every cell, and where they disagree."""
    ours, theirs = table.attrs["split"], table.attrs["papers_split"]
    if ours != theirs:
        yield Text(f"The paper's sets are of {theirs} images and these of {ours} images: they are not compared.")
    before = ledger.mark
    if "source" not in table.dims:
        yield error_grid(table, ledger)
        yield from ledger.since(before, "Errors that disagree with the paper's", f"findings-{name}")
        yield from distortion_grids(table)
        return
    for rule in rules(table):
        before = ledger.mark
        yield transfer_grid(table, rule, ledger)
        title = f"Cells that disagree with the paper's, rule {rule}"
        yield from ledger.since(before, title, f"findings-{name}-{rule}")


def _of_sheets(entry: Table, table: xr.Dataset, results: Results) -> Iterator[Block]:
    """Yield a table that the paper has no counterpart of, as it is laid out for reading, and its figures."""
    if entry.opening:
        yield Text(entry.opening)
    sheets = entry.sheets(table)
    for index, (sheet, after) in enumerate(zip_longest(sheets, sheets[1:])):
        yield sheet_grid(sheet, f"grid-{entry.name}-{index}")
        if after is None or after.notes != sheet.notes:  # what is said of several alike stands below the last
            yield from map(Text, sheet.notes)
    for name in entry.figures:
        if not FIGURES.find(name).lacks(results.study):  # of others it is no figure
            yield from figure_blocks(name, results)
