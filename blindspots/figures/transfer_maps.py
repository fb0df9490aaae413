"""Transfer as heat maps: every set shown to every model; ours, the paper's, and the difference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from blindspots.errors import InputError
from blindspots.figures.palette import DIVERGING, NOTHING, SEQUENTIAL, verbatim
from blindspots.tables.agreement import with_variants

LARGEST = 50
"""Points of difference at which the colours end: one scale for all maps, so that they can be compared."""

_WIDTH = 9.6  # inches, as of all wide figures
_ROW, _GAP, _EDGE = 0.23, 0.25, 0.55
_LETTER, _MARGIN = 0.062, 0.3  # of the rows' names
_TITLE, _HEAD = 0.3, 0.92  # above the maps: what they are, then the columns' names
_BAR, _BELOW = 0.09, 0.55  # a colour bar's height, and what it takes with its label
_WIDEST = 0.66  # a column at most
_SIGNED = 1.2  # how much wider columns with a sign are
_DARK = 0.45  # luminance below which the number on a colour is white

_Place = Callable[[float, float, float, float], Axes]


@dataclass(frozen=True)
class Maps:
    """What the three maps of a table under one rule show: rows of sets, columns of models, in percent."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    ours: np.ndarray
    paper: np.ndarray
    """NaN where the paper has no such cell."""
    disagrees: np.ndarray
    """True where both have intervals, which do not overlap."""

    @property
    def labels(self) -> tuple[float, float]:
        """Room for the names of the rows, and for those of the rows that the paper has, in inches."""
        theirs = [self.rows[row] for row in self.published[0]]
        return _MARGIN + _LETTER * max(map(len, self.rows)), _LETTER * max(map(len, theirs), default=0)

    @property
    def step(self) -> float:
        """Width of a column, in inches."""
        across = len(self.published[1])
        room = _WIDTH - sum(self.labels) - 2 * _GAP * bool(across) - _EDGE
        return min(_WIDEST, room / (len(self.columns) + (1 + _SIGNED) * across))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the three maps together, in inches."""
        rows, columns = (len(which) for which in self.published)
        wide = sum(self.labels) + 2 * _GAP * bool(columns) + _EDGE
        high, theirs = len(self.rows) * _ROW + 0.1, rows * _ROW + _BELOW
        return (
            wide + (len(self.columns) + (1 + _SIGNED) * columns) * self.step,
            _TITLE + _HEAD + max(high, theirs if rows else high + _BELOW),
        )

    @property
    def published(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows and the columns that the paper has."""
        there = np.isfinite(self.paper)
        return np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))


def transfer_maps(tables: Sequence[xr.Dataset], *, rules: Sequence[str]) -> Figure:
    """Return three heat maps for each table and rule, below each other: ours, the paper's, and ours minus the paper's.

    ``tables``: Table 2 or 4, as :func:`~blindspots.tables.transfer_tables.transfer_table` draws them. Every cell has
    its value printed, in percent or in points; the first two maps share one scale of colours, and the third has a
    diverging one. A frame stands around differences where the intervals do not overlap. The last two have only the
    rows and columns that the paper has, and are left out where it has none.

    Raises :class:`InputError` where a table has no such rule.
    """
    blocks = [maps_of(table, rule) for table in tables for rule in rules]
    heights = [block.size[1] for block in blocks]
    figure = Figure(figsize=(max(block.size[0] for block in blocks), sum(heights)))
    width, height = figure.get_size_inches()
    for index, block in enumerate(blocks):
        top = sum(heights[:index])

        def place(left: float, down: float, wide: float, high: float, top: float = top) -> Axes:
            return figure.add_axes((left / width, 1 - (top + down + high) / height, wide / width, high / height))

        _draw(figure, place, block)
    return figure


def maps_of(table: xr.Dataset, rule: str) -> Maps:
    """Return what the maps of a table under ``rule`` show: sets as made, then amplified, then noise."""
    if rule not in table["rule"].values.tolist():
        raise InputError(f"the table has no rule {rule!r}; it has {', '.join(map(str, table['rule'].values))}")
    whole = with_variants(table).sel(rule=rule)
    targets, sources = ([str(name) for name in whole[dim].values] for dim in ("target", "source"))
    made = [source for source in sources if source in targets]
    lines = [("plain", source) for source in made]
    if "amplified" in whole["variant"].values.tolist():
        lines += [("amplified", source) for source in made]
    lines += [("plain", source) for source in sources if source not in targets]
    cells = [whole.sel(variant=variant, source=source) for variant, source in lines]
    ours, paper, overlap = (np.stack([cell[name].values for cell in cells]) for name in ("rate", "paper", "overlap"))
    return Maps(
        title=f"Table {table.attrs['table']}, rule {rule}",
        rows=tuple(
            str(cell["source_name"].item()) + (", amplified" if variant == "amplified" else "")
            for cell, (variant, _) in zip(cells, lines, strict=True)
        ),
        columns=tuple(str(name) for name in table["target_name"].values),
        ours=100 * ours,
        paper=100 * paper,
        disagrees=overlap == 0,
    )


def draw_map(axes: Axes, values: np.ndarray, norm: Normalize, colours: str, *, signed: bool = False) -> Axes:
    """Draw ``values`` (rows, columns) into ``axes`` with each printed in its cell, and return them; NaN is grey."""
    colour_map = colormaps[colours].with_extremes(bad=NOTHING)
    axes.imshow(np.ma.masked_invalid(values), cmap=colour_map, norm=norm, aspect="auto", interpolation="nearest")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            red, green, blue, _ = colour_map(norm(value))
            dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < _DARK
            text = _number(value, signed)
            axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color="white" if dark else "black")
    axes.set_xticks(np.arange(values.shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(values.shape[0] + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    return axes


def frame(axes: Axes, marked: np.ndarray) -> None:
    """Frame the cells of a map where ``marked`` (rows, columns) is true."""
    for row, column in np.argwhere(marked):
        box = Rectangle((column - 0.46, row - 0.43), 0.92, 0.86, fill=False, edgecolor="black", linewidth=1.2)
        axes.add_patch(box)


def _draw(figure: Figure, place: _Place, block: Maps) -> None:
    rows, columns = block.published
    step, across, high = block.step, len(columns), len(rows) * _ROW
    down, rates = _TITLE + _HEAD, Normalize(0, 100)
    label, second_label = block.labels
    first = place(label, down, len(block.columns) * step, len(block.rows) * _ROW)
    draw_map(first, block.ours, rates, SEQUENTIAL)
    _name(first, block.rows, block.columns, "set made for")
    _title(first, f"{block.title}: ours, error rate in %")
    if not across:
        bar = place(label, down + len(block.rows) * _ROW + 0.1, len(block.columns) * step, _BAR)
        _scale(figure, first, bar, "error rate of the column's model, %")
        return
    left = label + second_label + len(block.columns) * step + _GAP
    right = left + across * step + _GAP
    at, names = np.ix_(rows, columns), tuple(block.columns[column] for column in columns)
    second = draw_map(place(left, down, across * step, high), block.paper[at], rates, SEQUENTIAL)
    _name(second, tuple(block.rows[row] for row in rows), names, "")
    _title(second, "the paper's, %")
    difference = (block.ours - block.paper)[at]
    third = draw_map(
        place(right, down, _SIGNED * across * step, high),
        difference,
        Normalize(-LARGEST, LARGEST),
        DIVERGING,
        signed=True,
    )
    frame(third, block.disagrees[at])
    _name(third, ("",) * len(rows), names, "")
    _title(third, "ours minus the paper's, points")
    _scale(figure, second, place(left, down + high + 0.1, across * step, _BAR), "error rate, %")
    _scale(
        figure,
        third,
        place(right, down + high + 0.1, _SIGNED * across * step, _BAR),
        "points; framed: disagrees",
        "both",
    )


def _number(value: float, signed: bool) -> str:
    text = f"{value:+.1f}" if signed else f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.1f}"
    return text.replace("-", "−")


def _name(axes: Axes, rows: Sequence[str], columns: Sequence[str], label: str) -> None:
    axes.xaxis.tick_top()
    rows, columns = ([verbatim(name) for name in names] for names in (rows, columns))
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="left", rotation_mode="anchor", fontsize=7)
    axes.set_yticks(range(len(rows)), rows, fontsize=7)
    axes.set_ylabel(label, fontsize=7)


def _title(axes: Axes, text: str) -> None:
    above = 72 * (_HEAD + 0.06)
    axes.annotate(text, (0, 1), (0, above), xycoords="axes fraction", textcoords="offset points", fontsize=8.5)


def _scale(figure: Figure, axes: Axes, bar: Axes, text: str, extend: str = "neither") -> None:
    scale = figure.colorbar(axes.images[0], cax=bar, orientation="horizontal", extend=extend)
    scale.set_label(text, fontsize=7)
    scale.ax.tick_params(labelsize=6.5)
