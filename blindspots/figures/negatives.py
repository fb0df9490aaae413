"""How often random directions misread, against the distortion in multiples of an image's least (question 4)."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from blindspots.figures.palette import line_style, source_label
from blindspots.negatives.flat_boundary import flat_boundary_share
from blindspots.results.results import Results
from blindspots.tables.drawing import read_table

_TITLES = {
    "sphere": "on the sphere: image + multiple × least × direction",
    "box": "inside the box: clipped to [0, 1], of the same distortion",
}
_APART, _ALL_APART = 0.012, 0.07  # of the axis, between two models at one multiple, and between all
_FLAT = "#888888"


def negatives_figure(results: Results) -> Figure:
    """Return a panel for the sphere and one for the box, a line a model, with 95% intervals over images.

    Raises :class:`~blindspots.errors.InputError` where the study asks for no negatives or the store lacks them.
    """
    study, table = results.study, read_table("negatives", results)
    labels = [source_label(study, spec.name) for spec in study.models]
    places = [str(each) for each in table["where"].values]
    figure = Figure(figsize=(5.2 * len(places), 4.4), layout="constrained")
    panels = figure.subplots(1, len(places), sharey=True, squeeze=False)[0]
    for axes, where in zip(panels, places, strict=True):
        draw_negatives(axes, table, where)
        axes.set_xlabel("distortion, in multiples of the image's least", fontsize=8)
    panels[0].set_ylabel("share of random directions that misread", fontsize=8)
    keys = [Line2D([], [], marker="o", markersize=3.5, linewidth=1.2, **_style(k)) for k in range(len(labels))]
    keys.append(Line2D([], [], color="black", marker="v", markersize=5, markerfacecolor="none", linestyle="none"))
    keys.append(Line2D([], [], color=_FLAT, linestyle=(0, (1, 1))))
    labels += ["none found: upper end of the interval", "one flat boundary, in closed form"]
    figure.legend(keys, labels, loc="outside lower center", ncols=4, fontsize=7.5, frameon=False)
    return figure


def draw_negatives(axes: Axes, table: xr.Dataset, where: str) -> Axes:
    """Draw the rates of :func:`~blindspots.tables.negatives.negatives_table` at one place into ``axes``, return them.

    Both axes are logarithmic. Where no direction misreads a hollow triangle stands at the interval's upper end, in no
    line; an interval that reaches down to 0 ends at the bottom. On the sphere a dotted line is what one flat boundary
    would give.
    """
    cells = table.sel(where=where)
    multiples = cells["multiple"].values
    order = np.argsort(multiples)
    least = table["resolution"].values
    bottom = 10 ** np.floor(np.log10(np.nanmin(least) / 2)) if np.isfinite(least).any() else 1e-6
    models = cells["model"].size
    apart = min(_APART, _ALL_APART / models)
    span = max(multiples) / min(multiples) if len(multiples) > 1 else 10.0
    for index in range(models):
        row = cells.isel(model=index)
        x = multiples[order] * span ** (apart * (index - (models - 1) / 2))
        rate, low, high = (row[name].values[order] for name in ("rate", "low", "high"))
        style, found, none = _style(index), rate > 0, rate == 0
        axes.plot(x[found], rate[found], marker="o", markersize=3.5, linewidth=1.2, **style)
        ends = [rate[found] - np.maximum(low[found], bottom), high[found] - rate[found]]
        axes.errorbar(x[found], rate[found], yerr=ends, fmt="none", ecolor=style["color"], elinewidth=0.8, capsize=1.5)
        axes.plot(
            x[none],
            high[none],
            marker="v",
            markersize=5,
            markerfacecolor="none",
            color=style["color"],
            linestyle="none",
        )
    if where == "sphere":
        fine = np.geomspace(min(multiples), max(multiples), 200)
        flat = [flat_boundary_share(float(each), table.attrs["values"]) for each in fine]
        axes.plot(fine, np.where(np.array(flat) > 0, flat, np.nan), color=_FLAT, linestyle=(0, (1, 1)), linewidth=1.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(bottom, 1.5)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(multiples[order])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(labelsize=7.5)
    axes.grid(axis="y", linewidth=0.3)
    axes.set_title(_TITLES[where], fontsize=8.5)
    return axes


def _style(index: int) -> dict[str, Any]:
    return dict(line_style(index))
