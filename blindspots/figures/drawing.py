"""Figures by their names, drawn from a study's results."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from blindspots.errors import InputError
from blindspots.figures.plate import Plate
from blindspots.figures.registry import FIGURES, FigureEntry
from blindspots.results.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_figure(name: str | int, results: Results) -> "Figure":
    """Draw the figure ``name``, a number of the paper or another of :data:`FIGURES`.

    Raises :class:`InputError` for a figure that there is not, one that the study has nothing for, or a store that lacks
    what it shows.
    """
    return _of_study(name, results).draw(results)


def draw_plates(name: str | int, results: Results) -> Iterable[Plate]:
    """Draw what a page shows of the figure ``name``; raise as :func:`draw_figure` does."""
    entry = _of_study(name, results)
    if entry.plates is not None:
        return entry.plates(results)
    return (Plate(entry.draw(results), entry.alt or entry.title, entry.caption or entry.title),)


def _of_study(name: str | int, results: Results) -> FigureEntry:
    entry, study = FIGURES.find(name), results.study
    if lacking := entry.lacks(study):
        raise InputError(f"figure {entry.name} is not in the study {study.name}, which has {lacking}")
    return entry
