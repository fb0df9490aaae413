"""Least distortions between what is proved and what was found, image by image, a panel a network."""

from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from blindspots.errors import InputError
from blindspots.figures.palette import COLOURS, source_label
from blindspots.results.brackets import Bracket, brackets, closeness
from blindspots.results.results import UNFINISHED, Results

_ACROSS = 4
_SIDE = 2.3  # inches of a panel


def brackets_figure(results: Results) -> Figure:
    """Return a panel a network: of each image what is proved over what was found, which no point is above.

    Over the images that the network reads correctly and that were misled; seeds in one panel. On the dotted line the
    two meet, and the least distortion is known.

    Raises :class:`InputError` where nothing was proved of any network.
    """
    study = results.study
    found = {spec.name: brackets(results, spec.name) for spec in study.models}
    found = {name: each for name, each in found.items() if closeness(each).images}
    if not found:
        raise InputError(f"the store lacks what is proved near images; {UNFINISHED}")
    across = min(_ACROSS, len(found))
    down = ceil(len(found) / across)
    figure = Figure(figsize=(max(_SIDE * across, 3.2), _SIDE * down + 0.3), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, (name, each) in zip(panels, found.items(), strict=False):
        draw_brackets(axes, each)
        axes.set_title(source_label(study, name), fontsize=8)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    figure.supxlabel("distortion found", fontsize=8)
    figure.supylabel("proved: none is misread below", fontsize=8)
    return figure


def draw_brackets(axes: Axes, found: list[Bracket]) -> Axes:
    """Draw the images of a network's seeds into ``axes``, with the mean ratio of proved to found, and return them."""
    end = 1.05 * max(float(each.found.max()) for each in found)
    axes.plot([0, end], [0, end], color="black", linewidth=0.8, linestyle=":")
    for each in found:
        axes.plot(each.found, each.proved, ".", color=COLOURS[0], markersize=3.5, alpha=0.6)
    near = closeness(found)
    axes.text(0.05, 0.93, f"{_percent(near.ratio)} of {near.images}", transform=axes.transAxes, fontsize=7, va="top")
    axes.set(xlim=(0, end), ylim=(0, end), box_aspect=1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=6.5)
    return axes


def _percent(share: float) -> str:
    """Return a share so that only 1 itself is 100%."""
    return f"{np.floor(1000 * share) / 10:g}%"
