"""Figures out of a store, the paper's by number and others by name, as matplotlib figures."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from blindspots.datasets.dataset import Dataset
    from blindspots.store.layout import Layout
    from blindspots.study.study import Study

FIGURES = {
    "7": "pairs of original and distorted images for two models, beside the same images with noise",
    "transfer": "heat maps of Tables 2 and 4 under every rule: ours, the paper's, the difference",
    "distortions": "the distribution of the least distortions, for every model and rule",
    "filters": "the first-layer weights of the autoencoder",
    "negatives": "how often random directions misread, over the distortion",
    "spectrum": "the layers of the convolutional network over frequency and singular direction, with their bounds",
    "training": "loss, error and gradient over the iterations, for every model",
}
"""The figures that can be drawn, by their number in the paper or by name."""

SUFFIXES = (".png", ".pdf")


def build_figure(
    name: int | str, tree: "xr.DataTree", study: "Study", dataset: "Dataset", layout: "Layout | None" = None
) -> "Figure":
    """Return the figure ``name``, a number of the paper or one of :data:`FIGURES`, out of a store's DataTree.

    ``layout``: the store's paths, for the figures that are drawn from weights. Raises
    :class:`~blindspots.errors.InputError` for a figure that is not drawn, or a store that lacks what it shows.
    """
    from blindspots.errors import InputError

    known = str(name)
    if known == "7":
        from blindspots.figures.figure7 import figure7

        return figure7(tree, study, dataset)
    if known == "transfer":
        return _transfer(tree, study)
    if known == "distortions":
        from blindspots.figures.distortion_distributions import distortion_distributions

        return distortion_distributions(tree, study)
    if known == "filters":
        from blindspots.figures.filters import filters

        if layout is None:
            raise InputError("the figure filters is drawn from weights: name the store's layout")
        return filters(study, dataset, layout)
    if known == "negatives":
        from blindspots.figures.negatives import negatives_figure

        return negatives_figure(tree, study)
    if known == "spectrum":
        from blindspots.figures.model_spectra import model_spectra

        if layout is None:
            raise InputError("the figure spectrum is drawn from weights: name the store's layout")
        return model_spectra(tree, study, dataset, layout)
    if known == "training":
        from blindspots.figures.training_curves import training_curves

        return training_curves(tree, study)
    raise InputError(f"there is no figure {name}; those drawn are {', '.join(FIGURES)}")


def _transfer(tree: "xr.DataTree", study: "Study") -> "Figure":
    from blindspots.figures.transfer_maps import transfer_maps
    from blindspots.tables import build_table, tables_for
    from blindspots.tables.sheets.sheet import rules

    tables = [build_table(number, tree, study) for number in tables_for(study) if number in (2, 4)]
    return transfer_maps(tables, rules=rules(tables[0]))


def save_figure(figure: "Figure", path: Path) -> None:
    """Write ``figure`` to ``path``, a .png or .pdf by its suffix, without dates: the same figure, the same bytes.

    Raises :class:`~blindspots.errors.InputError` for another suffix.
    """
    from blindspots.errors import InputError

    if path.suffix not in SUFFIXES:
        raise InputError(f"a figure is written as {' or '.join(SUFFIXES)}, not {path.suffix or path.name!r}")
    dateless = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
    figure.savefig(path, dpi=200, metadata=dateless)
