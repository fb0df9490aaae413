"""Figures 1 to 4: the images to which units answer most, and those of random directions, a row each."""

import textwrap
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures.palette import verbatim
from blindspots.figures.pixels import shown_pixels
from blindspots.figures.plate import Plate
from blindspots.randomness import generator
from blindspots.results.results import Results
from blindspots.study.bounds_spec import ALEXNET
from blindspots.study.study import Study
from blindspots.tables.units import LayerOfSeeds, layers_of
from blindspots.units.comparison import RANDOM, RAW
from blindspots.units.record import deciding

ROWS = 8
"""Units, or directions, that are shown."""
_GAP, _BELOW = 2, 4  # pixels between images, and between rows
_LEFT = 0.2  # of the width of a row: what stands on its left


def units_figure(results: Results, *, model: str | None = None, layer: str | None = None) -> Figure:
    """Return the top images of units of a layer, as in Figures 1 and 3: a row a unit, its number beside it.

    ``model``: of those that the study looks at, AlexNet where it is among them, as in the paper, else the first;
    ``layer``: the last before the logits by default. Which units are shown the study's seed decides; none is picked.

    Raises :class:`InputError` where the store lacks the layer.
    """
    return _grid(results, _layer(results, model, layer), units=True)


def directions_figure(results: Results, *, model: str | None = None, layer: str | None = None) -> Figure:
    """Return the same of random directions, as in Figures 2 and 4: those that come first in the first rotation."""
    return _grid(results, _layer(results, model, layer), units=False)


def units_plates(results: Results) -> Iterator[Plate]:
    """Yield the units of the layer that is shown, with words about them."""
    of = _layer(results, None, None)
    yield Plate(
        units_figure(results),
        alt=f"Rows of the images to which {ROWS} units of {of.layer} of {of.model} answer most.",
        caption=f"Figure {3 if results.study.has_pictures else 1}: images to which units of the layer {of.layer} of "
        f"{of.model} answer most, a row a unit; which units, "
        "the seed decides. Beside each its number, how alike its images are by the title's measure, and their classes.",
    )


def directions_plates(results: Results) -> Iterator[Plate]:
    """Yield the random directions of the layer that is shown, with words about them."""
    of = _layer(results, None, None)
    yield Plate(
        directions_figure(results),
        alt=f"Rows of the images to which {ROWS} random directions in {of.layer} of {of.model} answer most.",
        caption=f"Figure {4 if results.study.has_pictures else 2}: the same of random directions in the layer "
        f"{of.layer} of {of.model}, the first of one rotation.",
    )


def _layer(results: Results, model: str | None, layer: str | None) -> LayerOfSeeds:
    """Return the layer that is shown."""
    study = results.study
    names = study.unit_models
    wanted = model or (ALEXNET if ALEXNET in names else names[0])
    if wanted not in names:
        raise InputError(f"the units of {wanted!r} are not looked at; those of {', '.join(names)} are")
    found = [each for each in layers_of(results) if each.model == wanted and each.trained]
    if layer is not None:
        for each in found:
            if each.layer == layer:
                return each
        raise InputError(
            f"{wanted} has no layer {layer!r} that was looked at; there are {', '.join(each.layer for each in found)}"
        )
    logits = wanted != ALEXNET and not study.units.layers  # all layers were looked at, the logits last
    return found[-2] if logits and len(found) > 1 else found[-1]


def _grid(results: Results, of: LayerOfSeeds, *, units: bool) -> Figure:
    found = of.seeds[0].sel(view=RAW)
    rows = shown_rows(results.study, found.sizes["shown"]) if units else np.arange(min(ROWS, found.sizes["direction"]))
    tops = (found["unit_tops"] if units else found["random_tops"]).values[rows]
    images = results.dataset.images(str(found.attrs["split"]), tops.ravel()).numpy()
    labels = results.dataset.labels(str(found.attrs["split"]), tops.ravel()).numpy().reshape(tops.shape)
    pictures = shown_pixels(images).reshape(*tops.shape, *shown_pixels(images).shape[1:])
    measure = deciding(found)
    cell = found.sel(measure=measure)
    alike = (cell["unit_coherence"] if units else cell["random_coherence"]).values[rows]
    names = [f"unit {int(found['unit'].values[row])}" if units else f"direction {row + 1}" for row in rows]
    captions = [
        f"{name}\n{100 * share:.0f}% alike\n{_classes(label, results)}"
        for name, share, label in zip(names, alike, labels, strict=True)
    ]
    figure = Figure(figsize=(7.6, 0.86 * len(rows) + 0.5), layout="constrained")
    axes = draw_rows(figure.add_subplot(), pictures, captions)
    mean = float(cell["units_coherence"] if units else cell["coherence"].sel(kind=RANDOM))
    what, chance = "units" if units else "random directions", float(cell["chance"])
    axes.set_title(
        f"{of.model}, {of.layer}: {what}; {100 * mean:.0f}% alike in all, {100 * chance:.0f}% by chance ({measure})",
        fontsize=9,
    )
    return figure


def shown_rows(study: Study, count: int) -> np.ndarray:
    """Return which of ``count`` units are shown: drawn by the study's seed, in their order."""
    return np.sort(generator(study.seed, "units", "shown").permutation(count)[:ROWS])


def _classes(labels: np.ndarray, results: Results) -> str:
    """Return how many images of a row are of the class that most are of, or the classes where none comes twice."""
    values, counts = np.unique(labels, return_counts=True)
    names = results.dataset.class_names
    if counts.max() > 1:
        said = f"{counts.max()} of {len(labels)}: {names[int(values[counts.argmax()])]}"
    else:
        said = ", ".join(names[int(label)].partition(",")[0] for label in labels)
    return textwrap.fill(said, 26, max_lines=2, placeholder=" …")


def draw_rows(axes: Axes, images: np.ndarray, captions: list[str]) -> Axes:
    """Draw rows of ``images`` (rows, n, height, width) or (..., 3), captions on their left; return the axes."""
    down, across, height, width, *colours = images.shape
    picture = np.ones((down * (height + _BELOW) - _BELOW, across * (width + _GAP) - _GAP, *colours), np.float32)
    for row in range(down):
        top = row * (height + _BELOW)
        for column in range(across):
            left = column * (width + _GAP)
            picture[top : top + height, left : left + width] = images[row, column].clip(0, 1)
        axes.text(
            -0.02 * picture.shape[1], top + height / 2, verbatim(captions[row]), fontsize=7, ha="right", va="center"
        )
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xlim(-_LEFT * picture.shape[1], picture.shape[1])  # room for what stands on the left
    axes.set_axis_off()
    return axes
