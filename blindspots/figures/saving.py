"""Figures written to files: the same figure, the same bytes."""

from pathlib import Path
from typing import TYPE_CHECKING

from blindspots.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf")
"""The kinds of file."""


def check_file(path: Path) -> None:
    """Raise :class:`InputError` where no figure can be written to ``path``, by its suffix: before it is drawn."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"a figure is written as {' or '.join(SUFFIXES)}, not {path.suffix or path.name!r}")


def save_figure(figure: "Figure", path: Path) -> None:
    """Write ``figure`` to ``path``, a .png or .pdf by its suffix, without dates.

    Raises :class:`InputError` for another suffix.
    """
    check_file(path)
    dateless = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
    figure.savefig(path, dpi=200, metadata=dateless)
