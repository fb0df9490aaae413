"""Figures out of a store, the paper's by number and others by name, as matplotlib figures.

:data:`FIGURES` has them by name; anyone may add one.
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.figures.drawing import draw_figure, draw_plates
    from blindspots.figures.plate import Plate
    from blindspots.figures.registry import FIGURES, FigureEntry
    from blindspots.figures.saving import SUFFIXES, save_figure
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "FIGURES": "blindspots.figures.registry",
            "SUFFIXES": "blindspots.figures.saving",
            "FigureEntry": "blindspots.figures.registry",
            "Plate": "blindspots.figures.plate",
            "draw_figure": "blindspots.figures.drawing",
            "draw_plates": "blindspots.figures.drawing",
            "save_figure": "blindspots.figures.saving",
        },
    )

__all__ = ["FIGURES", "SUFFIXES", "FigureEntry", "Plate", "draw_figure", "draw_plates", "save_figure"]
