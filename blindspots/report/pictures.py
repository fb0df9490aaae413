"""Matplotlib figures as images inside the page: the same figure, the same bytes."""

import base64
import io
from typing import Literal

from matplotlib import rc_context
from matplotlib.figure import Figure

from blindspots.figures.saving import without_a_word_of_letters
from blindspots.report.blocks import Picture

_DPI = 170
_PIXELS_AN_INCH = 122
"""Of the page on a screen: a figure's letters are then as large as the page's small ones."""


def picture(figure: Figure, *, alt: str, caption: str, form: Literal["svg", "png"] = "svg") -> Picture:
    """Return ``figure`` as a picture: ``svg`` for lines and letters, ``png`` for what is made of pixels."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "blindspots", "svg.fonttype": "path"}), without_a_word_of_letters():
        if form == "svg":
            figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        else:
            figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
    kind = {"svg": "image/svg+xml", "png": "image/png"}[form]
    uri = f"data:{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return Picture(uri, alt, caption, width=round(figure.get_figwidth() * _PIXELS_AN_INCH))
