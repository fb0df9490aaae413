"""How much of the units' coherence random directions keep, layer by layer: trained, untrained, and of raw pixels."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.figures.palette import COLOURS
from blindspots.results.results import Results
from blindspots.tables.drawing import read_table
from blindspots.tables.units import PIXELS, random_cell
from blindspots.units.record import deciding

_TITLES = {"raw": "activations as they are", "unit-length": "at unit length per picture"}
_MOST = 2.0  # of the axis: a share whose denominator is near 0 may be anything


def kept_figure(results: Results) -> Figure:
    """Return a panel for each model and way of taking the activations, a point a layer, with 95% intervals.

    Raises :class:`~blindspots.errors.InputError` where the study looks at no units or the store lacks them.
    """
    table = read_table("units", results)
    models = [name for name in dict.fromkeys(map(str, table["model"].values)) if name != PIXELS]
    views = [str(each) for each in table["view"].values]
    figure = Figure(figsize=(4.6 * len(views), 2.9 * len(models) + 0.4), layout="constrained")
    panels = figure.subplots(len(models), len(views), squeeze=False, sharey=True)
    for row, model in zip(panels, models, strict=True):
        for axes, view in zip(row, views, strict=True):
            draw_kept(axes, table, model, view)
            axes.set_title(f"{model}, {_TITLES[view]}", fontsize=8.5)
        row[0].set_ylabel(f"kept by random directions\n({deciding(table)})", fontsize=8)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=7.5, frameon=False)
    return figure


def draw_kept(axes: Axes, table: xr.Dataset, model: str, view: str) -> Axes:
    """Draw the shares kept in the layers of one ``model`` into ``axes`` and return them.

    Filled points are trained, hollow ones untrained; a cross stands where units are no more alike than chance, so that
    there is no share. With several seeds each has a point. The dotted line is raw pixels, the one at 1 no difference.
    """
    names = np.array([str(each) for each in table["model"].values])
    trained = table["trained"].values.astype(bool)
    layers: list[str] = []
    for state, colour, fill, shift in ((True, COLOURS[0], True, -0.12), (False, COLOURS[1], False, 0.12)):
        rows = np.flatnonzero((names == model) & (trained == state))
        layers = layers or [str(table["layer"].values[row]) for row in rows]
        for place, row in enumerate(rows):
            cell = random_cell(table, int(row), view, deciding(table))
            share, low, high = (cell[name].values for name in ("kept", "kept_low", "kept_high"))
            there = np.isfinite(share)
            x = place + shift + 0.06 * (np.arange(len(share)) - (len(share) - 1) / 2)
            label = ("trained" if state else "untrained") if place == 0 else None
            ends = [np.maximum(share - low, 0)[there], np.maximum(high - share, 0)[there]]
            axes.errorbar(
                x[there],
                share[there],
                yerr=ends,
                fmt="o",
                markersize=4,
                color=colour,
                elinewidth=0.9,
                capsize=2,
                markerfacecolor=colour if fill else "white",
                label=label,
            )
            if not there.any():
                axes.plot([place + shift], [0], marker="x", markersize=5, color=colour, linestyle="none")
    for row in np.flatnonzero(names == PIXELS):
        shares = random_cell(table, int(row), view, deciding(table))["kept"].values
        if np.isfinite(shares).any():
            axes.axhline(np.nanmean(shares), color="#888888", linestyle=(0, (1, 1)), linewidth=1.2, label="raw pixels")
    axes.axhline(1, color="black", linewidth=0.6)
    axes.set_ylim(0, max(1.2, min(_MOST, axes.get_ylim()[1])))
    axes.set_xticks(range(len(layers)), layers, rotation=30, ha="right", fontsize=7)
    axes.tick_params(axis="y", labelsize=7.5)
    axes.grid(axis="y", linewidth=0.3)
    return axes
