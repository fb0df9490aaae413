"""What a QuocNet's first stage looks for, at places all over the picture, and how its stages learnt."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures.pixels import shown_pixels
from blindspots.results.results import UNFINISHED, Results
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError
from blindspots.store.weights import load_part
from blindspots.study.quocnet_spec import QuocNetSpec
from blindspots.training.layerwise.objective import ENCODER
from blindspots.training.layerwise.tile import tiles_of

_PLACES, _MAPS = 5, 8
"""Places that are shown each way at most, as far apart as they can be; maps of each at most."""
_ACROSS = 4
_GAP, _BETWEEN = 1, 4  # pixels between filters, between places


def quocnet_filters(results: Results) -> Figure:
    """Return filters of a QuocNet's first stage, by their places, beside the objective of every stage over the steps.

    Raises :class:`InputError` where the study has no QuocNet, or the store lacks a stage.
    """
    spec = results.study.quocnet
    if spec is None:
        raise InputError(f"the study {results.study.name} has no QuocNet; add one with --set quocnet.size=quocnet-mini")
    found = results.group(layout.quocnet_stage(1))
    norms = found["norm"].values
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    draw_places(left, first_filters(results, spec))
    dead = int((norms < 0.01 * np.median(norms)).sum())
    left.set_title(f"filters of stage 1 at places all over the picture; {dead} of {norms.size} have died", fontsize=9)
    draw_course(right, results, spec)
    return figure


def first_filters(results: Results, spec: QuocNetSpec) -> np.ndarray:
    """Return filters of the first stage at places far apart: (rows, columns, maps, channels, field, field)."""
    shape = spec.shape.shapes[0]
    chosen = [np.unique(np.linspace(0, count - 1, min(count, _PLACES)).round().astype(int)) for count in shape.places]
    found = np.empty((len(chosen[0]), len(chosen[1]), min(shape.maps, _MAPS), shape.values), np.float32)
    try:
        for tile in tiles_of(shape, *spec.tiles):
            key, (rows, columns) = layout.quocnet_tile(1, tile.number), tile.places
            for i, row in enumerate(chosen[0]):
                for j, column in enumerate(chosen[1]):
                    if rows.start <= row < rows.stop and columns.start <= column < columns.stop:
                        at = (int(row) - rows.start, int(column) - columns.start, slice(0, found.shape[2]))
                        found[i, j] = load_part(results.place, key, ENCODER, at).numpy()
    except CorruptShardError as error:
        raise InputError(f"the weights of the QuocNet cannot be used: {error}; {UNFINISHED}") from None
    return found.reshape(*found.shape[:3], shape.channels, shape.field, shape.field)


def draw_places(axes: Axes, filters: np.ndarray) -> Axes:
    """Draw ``filters`` (rows, columns, maps, channels, field, field), a block a place, and return the axes.

    Each is divided by its own largest absolute value: mid-grey is 0.
    """
    rows, columns, maps, _, field, _ = filters.shape
    flat = shown_pixels(filters.reshape(-1, *filters.shape[3:]))
    largest = np.abs(flat).max(axis=tuple(range(1, flat.ndim)), keepdims=True)
    scaled = (0.5 + 0.5 * flat / np.where(largest > 0, largest, 1)).reshape(rows, columns, maps, *flat.shape[1:])
    across = min(_ACROSS, maps)
    step, down = field + _GAP, -(-maps // across)
    height, width = down * step + _BETWEEN, across * step + _BETWEEN
    picture = np.ones((rows * height - _BETWEEN, columns * width - _BETWEEN, *flat.shape[3:]), np.float32)
    for row, column, index in np.ndindex(rows, columns, maps):
        top, left = row * height + index // across * step, column * width + index % across * step
        picture[top : top + field, left : left + field] = scaled[row, column, index]
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    return axes


def draw_course(axes: Axes, results: Results, spec: QuocNetSpec) -> Axes:
    """Draw the objective of every stage over the steps, of what it was before the first, and return the axes."""
    for number, colour in zip(
        range(1, len(spec.shape.shapes) + 1), ("#0072B2", "#D55E00", "#009E73") * 6, strict=False
    ):
        found = results.group(layout.quocnet_stage(number))
        held = (found["held_out_reconstruction"] + found["held_out_penalty"]).values
        axes.plot(found["check"], held / held[0], color=colour, marker=".", label=f"stage {number}, held out")
        rebuilt = found["held_out_reconstruction"] / found["held_out_size"]
        axes.plot(found["check"], rebuilt, color=colour, linestyle=":", label="its error, of the squared length")
    axes.set(xlabel="step", ylabel="objective, of that before the first step", ylim=(0, None))
    axes.legend(fontsize=7.5, frameon=False)
    axes.grid(color="#dddddd", linewidth=0.5)
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
    return axes
