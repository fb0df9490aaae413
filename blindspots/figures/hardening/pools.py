"""What pools do: the error over their strength, place by place, how old they are, and how the training went."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.figures.palette import line_style
from blindspots.paper.published import HARDENED_ERRORS
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.tables.drawing import read_table

_MOST_CURVES = 7
_BARS: dict[str, Any] = {"linewidth": 1.2, "marker": ".", "capsize": 2, "elinewidth": 0.5}
_SMALL: dict[str, Any] = {"fontsize": 6, "ha": "center", "va": "bottom"}


def pools_figure(results: Results) -> Figure:
    """Return three panels: error over strength, a line a way of training; ages of the pools; training errors.

    Of each way the weight with the least error is shown at every strength. Raises :class:`InputError` where the store
    lacks something.
    """
    table = read_table("pools", results)
    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    errors, ages, curves = figure.subplots(1, 3, width_ratios=(1.6, 1, 1))
    recipes = list(dict.fromkeys(str(name) for name in table["recipe"].values))
    styles: dict[str, dict[str, Any]] = {name: dict(line_style(index)) for index, name in enumerate(recipes[1:])}
    _errors(errors, table, styles)
    shown = _best(table, recipes)
    _ages(ages, results, shown, styles)
    _curves(curves, results, shown, styles, recipes[0])
    figure.legend(*errors.get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=7, frameon=False)
    return figure


def _best(table: xr.Dataset, recipes: list[str]) -> dict[str, str]:
    """Return the model with the least error of each way of training, by the way, from the least on."""
    found = {}
    for recipe in recipes:
        own = table.isel(model=[i for i, name in enumerate(table["recipe"].values) if str(name) == recipe])
        found[recipe] = own.isel(model=int(own["error"].values.argmin()))
    return {name: str(row["model"].item()) for name, row in sorted(found.items(), key=lambda e: float(e[1]["error"]))}


def _errors(axes: Axes, table: xr.Dataset, styles: dict[str, dict[str, Any]]) -> None:
    """Draw a line a way that has a reach, over that; what has none has its least error as a level."""
    alone = table.isel(model=0)
    axes.axhspan(100 * float(alone["error_low"]), 100 * float(alone["error_high"]), color="#eeeeee")
    axes.axhline(100 * float(alone["error"]), color="#000000", linewidth=1, label="decay alone")
    for name, error in HARDENED_ERRORS.items():
        axes.axhline(100 * error, color="#999999", linewidth=0.7, linestyle=":")
        axes.annotate(f"the paper, {name}", (0.55, 100 * error), xycoords=("axes fraction", "data"), **_SMALL)
    for recipe, style in styles.items():
        own = table.isel(model=[i for i, name in enumerate(table["recipe"].values) if str(name) == recipe])
        if not bool(own["reaches"].any()):
            axes.axhline(100 * float(own["error"].min()), label=recipe, linewidth=0.8, **style)
            continue
        at_each = [own.isel(model=own["strength"].values == at) for at in np.unique(own["strength"].values)]
        best = xr.concat([each.isel(model=int(each["error"].values.argmin())) for each in at_each], dim="model")
        values = 100 * best["error"].values
        ends = np.abs(np.stack([100 * best[f"error_{end}"].values for end in ("low", "high")]) - values)
        axes.errorbar(best["strength"].values, values, ends, label=recipe, **_BARS, **style)
    axes.set(xlabel="reach: length, or share of the least", ylabel=f"{table.attrs['on']} error, %")
    _plain(axes)


def _ages(axes: Axes, results: Results, shown: dict[str, str], styles: dict[str, dict[str, Any]]) -> None:
    """Draw how many rounds old the slots of a way's first pool are at the training's end."""
    for recipe, model in shown.items():
        pools = results.study.model(model).pools
        found = None if pools is None else results.find(layout.pool(model, 0, pools.layers[0]))
        if found is None:
            continue
        rounds = found["round"].values
        filled = np.sort(rounds.max() - rounds[rounds >= 0])
        axes.plot(filled, np.arange(1, len(filled) + 1) / len(rounds), linewidth=1, **styles[recipe])
    axes.set(xlabel="age at the end, rounds", ylabel="share of the slots", ylim=(0, 1.02))
    _plain(axes)


def _curves(axes: Axes, results: Results, shown: dict[str, str], styles: dict[str, dict[str, Any]], alone: str) -> None:
    for recipe, model in list(shown.items())[:_MOST_CURVES]:
        curve = results.group(layout.curve(model, 0))
        if not results.study.model(model).by_minibatches:  # iterations are no epochs
            continue
        style: dict[str, Any] = {"color": "#000000"} if recipe == alone else styles[recipe]
        axes.plot(curve["iteration"].values, 100 * curve["error"].values, linewidth=1, **style)
    axes.set(xlabel="epoch", ylabel="error in training, %")
    axes.set_yscale("symlog", linthresh=0.01)
    axes.set_ylim(bottom=0)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.grid(color="#dddddd", linewidth=0.5)
    axes.tick_params(which="both", labelsize=7)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
