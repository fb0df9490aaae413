"""Readings of the paper side by side: what each buys, kind by kind of the paper's cells.

Where the paper leaves something open, a study is one way to fill it. Whether that is the paper's way is told by cells
that did not choose it: a reading that was found by the errors of Table 1 has to earn more in Table 2 as well.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.results.comparison import changed_fields
from blindspots.results.queries.answers import answer
from blindspots.results.results import Results
from blindspots.tables.agreement import KINDS
from blindspots.tables.drawing import read_table
from blindspots.tables.rows import texts
from blindspots.tables.sheet import Sheet

_FIRST = "what the others are held against"


def compare_readings(studies: Mapping[str, Results]) -> xr.Dataset:
    """Return, by reading and kind of cell, how many of the paper's cells could be one more training's, and how far off.

    ``studies``: two or more by what they are to be called; the first is what the others are held against. Counted are
    the cells that all of them have. ``off`` is the root mean square of what lies between the paper's value and the
    mean of our trainings, in shares of 1. Raises :class:`InputError` where a study has too few trainings a network for
    the table ``repetition``, or where no cell is common to all.
    """
    tables = {name: _by_cell(name, results) for name, results in studies.items()}
    common = [
        cell for cell in next(iter(tables.values()))["cell"].values if all(cell in t["cell"] for t in tables.values())
    ]
    if not common:
        raise InputError(f"no cell of the paper's Tables 1 to 4 is in all of: {', '.join(studies)}")
    of_common = [table.sel(cell=common) for table in tables.values()]
    of_cells = _kinds(of_common[0])
    kinds = sorted(set(of_cells), key=lambda kind: (kind[0], KINDS.index(kind[1])))
    within = np.array([[each == kind for each in of_cells] for kind in kinds])  # (k, c)
    agrees = np.array([table["agrees"].values for table in of_common])  # (s, c)
    apart = np.array([table["rate"].values - table["paper"].values for table in of_common])
    total = within.sum(axis=1)
    first, *others = studies.values()
    changed = [_FIRST, *(_changes(first, other) for other in others)]
    return answer(
        "readings",
        f"{len(common)} cells of the paper by reading: how many could be one more training's",
        {
            "agreeing": (("reading", "kind"), agrees @ within.T, "cells that could be one more training's"),
            "n": (("reading", "kind"), np.tile(total, (len(studies), 1)), "cells"),
            "off": (
                ("reading", "kind"),
                np.sqrt(apart**2 @ within.T / total),
                "root mean square difference between the mean of our trainings and the paper",
            ),
            "changed": (("reading",), texts(changed), "what it reads otherwise"),
        },
        {"reading": list(studies), "kind": [f"{kind}, table {number}" for number, kind in kinds]},
    )


def readings_sheet(readings: xr.Dataset) -> Sheet:
    """Return the one block: a row a kind of cell and one for all, a column a reading."""
    names = [str(name) for name in readings["reading"].values]
    agreeing, total, off = (readings[name].transpose("kind", "reading").values for name in ("agreeing", "n", "off"))
    rows = [
        (str(kind), *(_cell(*cell) for cell in zip(*each, strict=True)))
        for kind, *each in zip(readings["kind"].values, agreeing, total, off, strict=True)
    ]
    whole = np.sqrt((off**2 * total).sum(axis=0) / total.sum(axis=0))
    last = zip(agreeing.sum(axis=0), total.sum(axis=0), whole, strict=True)
    title = str(readings.attrs["title"])
    others = [(name, str(said)) for name, said in zip(names, readings["changed"].values, strict=True) if said != _FIRST]
    notes = (
        "In brackets: how far the mean of our trainings is from the paper, root mean square, in points.",
        *(f"{name}: {said}." for name, said in others),
    )
    return Sheet(
        title[:1].upper() + title[1:], ("cells", *names), (*rows, ("all", *(_cell(*cell) for cell in last))), notes
    )


def _by_cell(name: str, results: Results) -> xr.Dataset:
    try:
        return read_table("repetition", results)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _kinds(table: xr.Dataset) -> list[tuple[int, str]]:
    return [(int(n), str(kind)) for n, kind in zip(table["table"].values, table["kind"].values, strict=True)]


def _changes(first: Results, other: Results) -> str:
    """Return in which fields, but for its name, a study reads the paper otherwise than the first."""
    usual, fields = "as usual", changed_fields(first.study, other.study)
    said = (f"{name}={after or usual} ({before or usual})" for name, before, after in fields if name != "name")
    return ", ".join(said) or "no field differs"


def _cell(agreeing: float, total: float, off: float) -> str:
    return f"{int(agreeing)} of {int(total)} ({100 * off:.1f})"
