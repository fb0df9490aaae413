"""Colours and names that all figures share: told apart by every kind of eye, and on paper."""

from blindspots.study.study import Study
from blindspots.tables.rows import noise_of, reader_name

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""The colours of Okabe and Ito, without the yellow that vanishes on white."""

LINES = ("-", "--", ":")
"""Line styles, taken when the colours are used up."""

SEQUENTIAL, DIVERGING = "Blues", "PuOr_r"
"""Colour maps: white for nothing, which prints well; orange for above 0 and purple for below."""

NOTHING = "#eeeeee"
"""Where there is no value."""


def line_style(index: int) -> dict[str, str]:
    """Return colour and line style of the line ``index``: no two of the first 21 are alike."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": LINES[index // len(COLOURS) % len(LINES)]}


def verbatim(text: str) -> str:
    """Return a name that was given as matplotlib shows it as it stands: what is between two dollars is no formula.

    Formulas are not turned off for all texts, since the numbers of logarithmic axes are some.
    """
    return text.replace("$", r"\$")


def source_label(study: Study, name: str) -> str:
    """Return what a reader calls a source of ``transfer``: a model by its name in the paper, or which noise.

    As a figure shows it: :func:`verbatim`.
    """
    models = {spec.name: reader_name(spec) for spec in study.models}
    return verbatim((models | noise_of(study)).get(name, name))
