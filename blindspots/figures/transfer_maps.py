"""Transfer as heat maps: every set shown to every model; ours, the paper's, and the difference."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from blindspots.errors import InputError
from blindspots.figures.palette import DIVERGING, NOTHING, SEQUENTIAL, source_label
from blindspots.study import Study

WIDTH = 9.6  # inches, as of all wide figures
_ROW, _LABEL, _HEAD, _GAP, _EDGE = 0.23, 1.45, 1.15, 0.3, 0.12
_BAR, _BELOW = 0.09, 0.62  # a colour bar's height, and what it takes with its label
_WIDEST = 0.62  # a column at most
_DARK = 0.45  # luminance below which the number on a colour is white


def transfer_maps(table: xr.Dataset, study: Study, *, rule: str) -> Figure:
    """Return three heat maps of a table of rates under ``rule``: ours, the paper's, and ours minus the paper's.

    ``table``: with ``rate``, ``paper`` and ``overlap`` along (rule, source, target), as Tables 2 and 4. Every cell has
    its value printed, in percent or in points; the first two share one scale of colours, and the third has a diverging
    one. A frame stands around the differences of cells whose intervals do not overlap. The last two have only the rows
    and columns that the paper has, and are left out where it has none.

    Raises :class:`InputError` where the table has no such rule.
    """
    if rule not in table["rule"].values.tolist():
        raise InputError(f"the table has no rule {rule!r}; it has {', '.join(map(str, table['rule'].values))}")
    ours = table.sel(rule=rule)
    published = np.isfinite(ours["paper"].values)
    theirs = ours.isel(source=np.flatnonzero(published.any(axis=1)), target=np.flatnonzero(published.any(axis=0)))
    rows, columns = ours.sizes["source"], ours.sizes["target"]
    across = theirs.sizes["target"]
    labels = 1 + bool(across)
    step = min(_WIDEST, (WIDTH - labels * _LABEL - 2 * _GAP - _EDGE) / (columns + 2 * across))
    height = _HEAD + rows * _ROW + (_EDGE if across and rows >= theirs.sizes["source"] + 4 else _BELOW)
    width = labels * _LABEL + (columns + 2 * across) * step + 2 * _GAP * bool(across) + 0.4
    figure = Figure(figsize=(width, height))

    def place(left: float, down: float, wide: float, high: float) -> Axes:
        return figure.add_axes((left / width, 1 - (down + high) / height, wide / width, high / height))

    rates = Normalize(0, 100)
    first = place(_LABEL, _HEAD, columns * step, rows * _ROW)
    draw_map(first, 100 * ours["rate"].values, rates, SEQUENTIAL)
    _name(first, study, ours, "ours, error rate in %")
    if not across:
        bar = place(_LABEL, _HEAD + rows * _ROW + 0.12, columns * step, _BAR)
        _scale(figure, first, bar, "error rate of the column's model, %")
        return figure
    left, high = 2 * _LABEL + columns * step + _GAP, theirs.sizes["source"] * _ROW
    second = place(left, _HEAD, across * step, high)
    draw_map(second, 100 * theirs["paper"].values, rates, SEQUENTIAL)
    _name(second, study, theirs, "the paper's, %")
    difference = 100 * (theirs["rate"] - theirs["paper"]).values
    largest = max(1.0, float(np.nanmax(np.abs(difference))))
    third = place(left + across * step + _GAP, _HEAD, across * step, high)
    draw_map(third, difference, Normalize(-largest, largest), DIVERGING, signed=True)
    frame(third, theirs["overlap"].values == 0)
    _name(third, study, theirs, "ours minus the paper's, points", rows=False)
    for axes, text in ((second, "error rate, %"), (third, "difference, points (framed: disagrees)")):
        at = left if axes is second else left + across * step + _GAP
        _scale(figure, axes, place(at, _HEAD + high + 0.12, across * step, _BAR), text)
    return figure


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


def _number(value: float, signed: bool) -> str:
    text = f"{value:+.1f}" if signed else f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.1f}"
    return text.replace("-", "−")


def _name(axes: Axes, study: Study, table: xr.Dataset, title: str, *, rows: bool = True) -> None:
    names: Sequence[str] = [source_label(study, str(name)) for name in table["target"].values]
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(names)), names, rotation=40, ha="left", rotation_mode="anchor", fontsize=7)
    sources = [source_label(study, str(name)) for name in table["source"].values]
    axes.set_yticks(range(len(sources)), sources if rows else [""] * len(sources), fontsize=7)
    if rows:
        axes.set_ylabel("set made for", fontsize=7)
    axes.annotate(title, (0, 1), (0, 66), xycoords="axes fraction", textcoords="offset points", fontsize=8.5)


def _scale(figure: Figure, axes: Axes, bar: Axes, text: str) -> None:
    scale = figure.colorbar(axes.images[0], cax=bar, orientation="horizontal")
    scale.set_label(text, fontsize=7)
    scale.ax.tick_params(labelsize=6.5)
