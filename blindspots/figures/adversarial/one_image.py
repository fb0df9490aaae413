"""One image of a study: the original, what each model's set has made of it, and the difference."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from blindspots.figures.palette import verbatim
from blindspots.figures.pixels import shown_pixels

if TYPE_CHECKING:
    from blindspots.results.one_image import OneImage

_ACROSS = 5
_MAGNIFIED = 10
"""The difference is shown so many times as strong, around grey."""


def draw_image(one: "OneImage", names: tuple[str, ...] = ()) -> Figure:
    """Draw an image: below each distorted one the difference, magnified around grey.

    ``names``: of the classes, by their numbers; the numbers where there are none.
    """
    across = min(_ACROSS, 1 + len(one.moved))
    bands = -(-(1 + len(one.moved)) // across)
    figure = Figure(figsize=(1.7 * across, 3.7 * bands), layout="constrained")
    axes = figure.subplots(2 * bands, across, squeeze=False)
    for each in axes.flat:
        each.set_axis_off()

    def show(row: int, column: int, pixels: np.ndarray, title: str = "") -> None:
        picture = shown_pixels(pixels[None])[0].clip(0, 1)
        axes[row, column].imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes[row, column].set_title(verbatim(title), fontsize=7)

    def called(number: int) -> str:
        return names[number] if number < len(names) else str(number)

    show(0, 0, one.original, f"{one.split} {one.example}\nclass {called(one.label)}")
    for at, moved in enumerate(one.moved, 1):
        band, column = divmod(at, across)
        read = called(moved.reads[moved.model])
        said = f"{moved.distortion:.3g} → {read}" if moved.success else "none found"
        show(2 * band, column, one.original + moved.perturbation, f"{moved.model}\n{said}")
        show(2 * band + 1, column, 0.5 + _MAGNIFIED * moved.perturbation, f"difference x {_MAGNIFIED}")
    return figure
