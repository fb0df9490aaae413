"""The verdict by repetition laid out for reading: a row a cell, those that are out of reach first, and in words."""

import numpy as np
import xarray as xr

from blindspots.tables.agreement import KINDS
from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import rate
from blindspots.tables.verdict import MARK

_COLUMNS = ("cell", "paper", "ours, one more [95%]", "spread", "chance", "held out")


def repetition_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return a block for each of the paper's tables, in percent."""
    numbers = np.unique(table["table"].values)
    sheets = [_sheet(table.isel(cell=np.flatnonzero(table["table"].values == number))) for number in numbers]
    last = sheets[-1]
    return [*sheets[:-1], Sheet(last.title, last.columns, last.rows, (*_notes(table), verdict(table)))]


def verdict(table: xr.Dataset) -> str:
    """Return in words how many cells could be one more training's, and how likely so few are."""
    about = table.attrs
    kinds, agrees = table["kind"].values.astype(object), table["agrees"].values.astype(bool)
    said = ", ".join(
        f"{kind} {agrees[kinds == kind].sum()} of {(kinds == kind).sum()}" for kind in KINDS if kind in kinds
    )
    return (
        f"By repetition: {about['agreeing']} of {about['total']} cells could be one more training of {about['seeds']} "
        f"({said}); were the paper's networks trainings of ours, {float(about['expected']):.0f} would be, and no more "
        f"than {about['agreeing']} with a probability of {_chance(float(about['p_value']))}."
    )


def calibration(table: xr.Dataset, *, drawn: bool) -> float:
    """Return the share in which trainings of ours, held out, agree with the others, of cells whose images are drawn.

    Or are not; NaN where there is none. Tables that were stored before they said so are told by their kinds.
    """
    are = table["drawn"].values.astype(bool) if "drawn" in table else table["kind"].values.astype(object) != "errors"
    shares = table["calibration"].values[are == drawn]
    return float(shares.mean()) if len(shares) else float("nan")


def _sheet(table: xr.Dataset) -> Sheet:
    about = table.attrs
    title = f"Table {int(table['table'][0])} by repetition, in %; study {about['study']}, {about['dataset']}"
    return Sheet(title, _COLUMNS, tuple(_row(table.isel(cell=at)) for at in range(table.sizes["cell"])))


def _row(cell: xr.Dataset) -> tuple[str, ...]:
    few = max(float(cell["rate"]), float(cell["paper"])) < 0.05
    return (
        str(cell["text"].item()),
        str(cell["paper_printed"].item()),
        rate(cell["rate"], cell["low"], cell["high"], flag=cell["agrees"], decimals=2 if few else 1),
        f"{100 * float(cell['spread']):.2f}",
        _chance(float(cell["chance"])),
        f"{100 * float(cell['calibration']):.0f}",
    )


def _chance(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.2g}"


def _notes(table: xr.Dataset) -> tuple[str, ...]:
    about = table.attrs
    held_out = " and ".join(
        f"{100 * share:.1f}% of the cells {which}"
        for share, which in (
            (calibration(table, drawn=True), "whose images are drawn"),
            (calibration(table, drawn=False), "that count all of a split"),
        )
        if np.isfinite(share)
    )
    return (
        f"Ours: mean over {about['seeds']} trainings, and the central 95% of what one more would print, counted on as "
        "many images as the paper counts: trainings are normal on the scale arcsin(sqrt(rate)) with Student's t for "
        "their spread, and images are drawn, binomially, but where all training or test images are counted, which are "
        f"the very images that we have. {MARK}: the printed value, as wide as it is rounded, lies outside. Chance: of "
        "a value at least as far out, on either side.",
        f"Held out: of {about['papers']} papers out of our own trainings, each held against those it is not of, so "
        f"many agree: {held_out}, where 95 are asked for. By the "
        f"bootstrap over trainings and images {int(table['resampled_agrees'].sum())} of {about['total']} cells agree.",
    )
