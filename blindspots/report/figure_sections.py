"""The sections of the page that hold figures, one for each that no table's section shows."""

from blindspots.errors import InputError
from blindspots.figures.drawing import draw_plates
from blindspots.figures.registry import FIGURES, FigureEntry
from blindspots.report.blocks import Block, Missing, Section
from blindspots.report.pictures import picture
from blindspots.results.results import Results


def figure_section(entry: FigureEntry, results: Results) -> Section:
    """Return the section of a figure."""
    return Section(f"figure-{entry.name}", entry.heading or entry.title, figure_blocks(entry.name, results))


def figure_blocks(name: str, results: Results) -> tuple[Block, ...]:
    """Return the pictures of a figure, or the sentence that says what the study or the store lacks for it."""
    entry = FIGURES.find(name)
    if lacking := entry.lacks(results.study):
        return (Missing(f"The study has {lacking}.", unasked=True),)
    try:
        return tuple(
            picture(plate.figure, alt=plate.alt, caption=plate.caption, form=entry.form)
            for plate in draw_plates(name, results)
        )
    except InputError as error:
        return (Missing(f"Left out: {error}."),)
