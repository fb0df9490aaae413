"""A network's layers over frequency and singular direction: where the norms in its bound come from."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures.palette import COLOURS, SEQUENTIAL, line_style, verbatim

Ends = tuple[float, float]

_PANEL = 2.9, 2.75  # inches
_MOST_ACROSS = 4
_MOST_CONVOLUTIONS = 12
_FLAT = 1e-6  # of the largest: a kernel of one pixel is the same at every frequency, but for rounding
_FONT = 7
_MARK = COLOURS[1]


def spectrum_figure(spectra: xr.Dataset, bounds: xr.Dataset | None = None, *, title: str = "") -> Figure:
    """Return a panel for each convolution, and one for all linear layers.

    ``spectra``: as :func:`~blindspots.spectral.spectrum.layer_spectra` returns them. A convolution's panel is a map of
    its transfer matrix's norm over frequency, the peak marked by a cross; a linear layer is a line of its largest
    singular values, falling. ``bounds``: what :func:`~blindspots.spectral.network.network_bounds` returns of the
    same network; the layers are found by name, and each one's norm stands in its title and as a line in its colour bar.
    Of more than 12 convolutions the first 12 are shown, those left out that are the same at every frequency.

    Raises :class:`InputError` where there is no layer to show.
    """
    convolutions = [str(name) for name in spectra["convolution"].values] if "norm" in spectra else []
    linear = "singular_value" in spectra
    shown = _shown(spectra, convolutions)
    if len(shown) < len(convolutions) and title:
        title += f": {len(shown)} of {len(convolutions)} convolutions, of those that differ over frequency the first"
    panels = len(shown) + linear
    if not panels:
        raise InputError("there is no layer to show: the spectra hold no convolution and no linear layer")
    ends = _ends(bounds)
    down = -(-panels // _MOST_ACROSS)
    across = -(-panels // down)
    figure = Figure(figsize=(max(_PANEL[0] * across, 4.0), _PANEL[1] * down + 0.3 * bool(title)), layout="constrained")
    axes = [figure.add_subplot(down, across, index + 1) for index in range(panels)]
    for panel, name in zip(axes, shown, strict=False):
        draw_conv_spectrum(panel, spectra["norm"].sel(convolution=name), name=name, ends=ends.get(name))
    if linear:
        draw_linear_spectra(axes[-1], spectra["singular_value"], ends=ends)
    if title:
        figure.suptitle(title, fontsize=_FONT + 2)
    return figure


def _shown(spectra: xr.Dataset, convolutions: list[str]) -> list[str]:
    if len(convolutions) <= _MOST_CONVOLUTIONS:
        return convolutions
    norms = {name: spectra["norm"].sel(convolution=name).values for name in convolutions}
    differing = [name for name, norm in norms.items() if np.ptp(norm) > _FLAT * norm.max()]
    return (differing or convolutions)[:_MOST_CONVOLUTIONS]


def draw_conv_spectrum(axes: Axes, norm: xr.DataArray, *, name: str, ends: Ends | None = None) -> Axes:
    """Draw one convolution's norm (frequency_y, frequency_x) into ``axes`` and return them.

    ``ends``: bounds of the layer's own norm, lower and upper. The colours run from 0 to the largest of all these.
    """
    values, x, y = (norm.transpose("frequency_y", "frequency_x").values, norm["frequency_x"], norm["frequency_y"])
    step = 1 / len(x)
    known = () if ends is None else tuple(each for each in ends if np.isfinite(each))
    picture = axes.imshow(
        values,
        cmap=colormaps[SEQUENTIAL],
        vmin=0,
        vmax=max(values.max(), *known, np.finfo(float).tiny),
        origin="lower",
        extent=(float(x[0]) - step / 2, float(x[-1]) + step / 2, float(y[0]) - step / 2, float(y[-1]) + step / 2),
        interpolation="nearest",
    )
    row, column = np.unravel_index(values.argmax(), values.shape)
    axes.plot(float(x[column]), float(y[row]), marker="x", color=_MARK, markersize=6, markeredgewidth=1.5)
    bar = axes.figure.colorbar(picture, ax=axes, shrink=0.85)
    for level in known:
        bar.ax.axhline(level, color=_MARK, linewidth=1)
    bar.ax.tick_params(labelsize=_FONT - 1)
    peak = f"peak {values.max():.4g} at ({x[column]:.2g}, {y[row]:.2g})"
    axes.set_title(f"{_said(name, ends)}\n{peak}", fontsize=_FONT)
    axes.set_xlabel("cycles per output pixel, across", fontsize=_FONT)
    axes.set_ylabel("down", fontsize=_FONT)
    axes.tick_params(labelsize=_FONT - 1)
    return axes


def draw_linear_spectra(axes: Axes, values: xr.DataArray, *, ends: Mapping[str, Ends] | None = None) -> Axes:
    """Draw the singular values (linear, index) of linear layers into ``axes``, a line each, and return them.

    ``ends``: bounds of the layers' norms by name, which stand in the legend; an upper one is a dotted line.
    """
    for index, name in enumerate(map(str, values["linear"].values)):
        line = values.sel(linear=name).dropna("index")
        of_layer = None if ends is None else ends.get(name)
        said = _said(name, of_layer)
        label = f"layer {said}" if said.startswith("_") else said  # matplotlib's legend leaves out what begins so
        (drawn,) = axes.plot(line["index"], line.values, label=label)
        drawn.set(**line_style(index), marker="o" if len(line) == 1 else "")  # a single value makes no line
        if of_layer is not None and np.isfinite(of_layer[1]):
            axes.axhline(of_layer[1], color=line_style(index)["color"], linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.set_title("linear layers", fontsize=_FONT)
    axes.set_xlabel("place in falling order", fontsize=_FONT)
    axes.set_ylabel("singular value", fontsize=_FONT)
    axes.tick_params(labelsize=_FONT - 1)
    axes.legend(fontsize=_FONT - 1, frameon=False)
    return axes


def _ends(bounds: xr.Dataset | None) -> dict[str, Ends]:
    if bounds is None:
        return {}
    ends = zip(bounds["lower"].values.tolist(), bounds["upper"].values.tolist(), strict=True)
    return {str(name): each for name, each in zip(bounds["layer"].values, ends, strict=True)}


def _said(name: str, ends: Ends | None) -> str:
    name = verbatim(name)
    if ends is None:
        return name
    lower, upper = (f"{each:.4g}" for each in ends)
    return f"{name}: norm {lower}" if lower == upper else f"{name}: norm in [{lower}, {upper}]"
