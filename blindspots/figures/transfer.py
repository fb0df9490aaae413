"""The heat maps of a study's Tables 2 and 4: all of them in one figure, or one by one."""

from collections.abc import Iterator

import xarray as xr
from matplotlib.figure import Figure

from blindspots.figures.plate import Plate
from blindspots.figures.transfer_maps import LARGEST, transfer_maps
from blindspots.results.results import Results
from blindspots.tables.drawing import read_table
from blindspots.tables.registry import tables_for
from blindspots.tables.sheets.cells import rules

MAPPED = ("2", "4")
"""The tables that are maps of transfer."""


def transfer_figure(results: Results) -> Figure:
    """Return the maps of all that the study has of the two tables, under every rule."""
    tables = [read_table(name, results) for name in _of_study(results)]
    return transfer_maps(tables, rules=rules(tables[0]))


def transfer_plates(results: Results) -> Iterator[Plate]:
    """Yield the maps of each table and rule."""
    for name in _of_study(results):
        table = read_table(name, results)
        for rule in rules(table):
            yield _plate(name, table, rule)


def _of_study(results: Results) -> list[str]:
    return [name for name in MAPPED if name in tables_for(results.study)]


def _plate(name: str, table: xr.Dataset, rule: str) -> Plate:
    compared = bool((table["paper_n"].sel(rule=rule) > 0).any())
    others = ", the paper's, and the difference in points" if compared else ""
    scales = (
        f" The first two have one scale of colours; that of the difference ends at {LARGEST} points for all maps. "
        "Framed: the intervals do not overlap. Grey: no such cell."
    )
    return Plate(
        transfer_maps([table], rules=[rule]),
        alt=f"Heat maps of Table {name} under the rule {rule}: our error rates of every model on every set{others}. "
        f"The numbers are those of Table {name} above.",
        caption=f"Table {name}, rule {rule}: ours{others}." + (scales if compared else ""),
    )
