"""The paper's figures out of a store, as matplotlib figures."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from blindspots.datasets.dataset import Dataset
    from blindspots.study import Study

FIGURES = {7: "pairs of original and distorted images for two models, beside the same images with noise"}
"""The figures that can be drawn, by their number in the paper."""

SUFFIXES = (".png", ".pdf")


def build_figure(number: int, tree: "xr.DataTree", study: "Study", dataset: "Dataset") -> "Figure":
    """Return figure ``number`` of the paper out of a store's DataTree.

    Raises :class:`~blindspots.errors.InputError` for a figure that is not drawn, or a store that lacks its sets.
    """
    from blindspots.errors import InputError
    from blindspots.figures.figure7 import figure7

    builders = {7: figure7}
    if number not in builders:
        raise InputError(f"there is no figure {number}; those drawn are {', '.join(map(str, FIGURES))}")
    return builders[number](tree, study, dataset)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write ``figure`` to ``path``, a .png or .pdf by its suffix, without dates: the same figure, the same bytes.

    Raises :class:`~blindspots.errors.InputError` for another suffix.
    """
    from blindspots.errors import InputError

    if path.suffix not in SUFFIXES:
        raise InputError(f"a figure is written as {' or '.join(SUFFIXES)}, not {path.suffix or path.name!r}")
    dateless = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
    figure.savefig(path, dpi=200, metadata=dateless)
