"""Figures written to files: the same figure, the same bytes."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from blindspots.errors import InputError
from blindspots.files import write_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf")
"""The kinds of file."""


def check_file(path: Path) -> None:
    """Raise :class:`InputError` where no figure can be written to ``path``, by its suffix: before it is drawn."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"a figure is written as {' or '.join(SUFFIXES)}, not {path.suffix or path.name!r}")


def save_figure(figure: "Figure", path: Path) -> None:
    """Write ``figure`` to ``path``, a .png or .pdf by its suffix, without dates, whole or not at all.

    Raises :class:`InputError` for another suffix.
    """
    check_file(path)
    dateless = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
    buffer = io.BytesIO()
    with without_a_word_of_letters():
        figure.savefig(buffer, format=path.suffix.removeprefix("."), dpi=200, metadata=dateless)
    write_out(path, buffer.getvalue())


@contextmanager
def without_a_word_of_letters() -> Iterator[None]:
    """Have nothing be said of letters that the font lacks, which are drawn as boxes: names are the user's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from", UserWarning)
        yield
