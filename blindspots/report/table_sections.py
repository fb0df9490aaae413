"""The sections of the page that hold tables: the paper's four, and that of adversarial negatives."""

from collections.abc import Mapping

import xarray as xr

from blindspots.report.blocks import Block, Missing, Section, Text
from blindspots.report.findings import Ledger
from blindspots.report.grids import distortion_grids, error_grid, transfer_grid
from blindspots.tables import TABLES
from blindspots.tables.sheets.sheet import rules

_SHORT = {
    1: "the models and their least distortions",
    2: "who else is fooled",
    3: "models of the two halves",
    4: "who else is fooled, across the halves",
}
_WHO = {
    1: "no model trained on all training images",
    2: "no model trained on all training images",
    3: "no model trained on a half of the training images, P1 or P2",
    4: "no model trained on a half of the training images, P1 or P2",
}


def table_sections(tables: Mapping[int, xr.Dataset | str], ledger: Ledger) -> list[Section]:
    """Return a section for each of the paper's Tables 1 to 4.

    ``tables``: by number; a text where a table cannot be drawn, which says why, and nothing where the study has no
    models for it.
    """
    return [
        Section(f"table-{number}", f"Table {number}: {_SHORT[number]}", tuple(_blocks(number, tables, ledger)))
        for number in TABLES
    ]


def _blocks(number: int, tables: Mapping[int, xr.Dataset | str], ledger: Ledger) -> list[Block]:
    table = tables.get(number)
    if table is None:
        return [Missing(f"Left out: the study has {_WHO[number]}.")]
    if isinstance(table, str):
        return [Missing(f"Left out: {table}.")]
    blocks: list[Block] = [Text(where) for where in _other_images(table)]
    if number in (1, 3):
        before = len(ledger.found)
        blocks.append(error_grid(table, ledger))
        blocks.append(ledger.since(before, "Errors that disagree with the paper's", f"findings-{number}"))
        blocks += distortion_grids(table)
        return blocks
    for rule in rules(table):
        before = len(ledger.found)
        blocks.append(transfer_grid(table, rule, ledger))
        blocks.append(
            ledger.since(before, f"Cells that disagree with the paper's, rule {rule}", f"findings-{number}-{rule}")
        )
    return blocks


def _other_images(table: xr.Dataset) -> list[str]:
    ours, theirs = table.attrs["split"], table.attrs["papers_split"]
    if ours == theirs:
        return []
    return [f"The paper's sets are of {theirs} images and these of {ours} images: they are not compared."]
