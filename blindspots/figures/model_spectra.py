"""The layers of one of a study's models over frequency and singular direction, with their bounds."""

import xarray as xr
from matplotlib.figure import Figure

from blindspots.datasets.dataset import Dataset
from blindspots.figures.palette import source_label
from blindspots.figures.spectrum import spectrum_figure
from blindspots.figures.stored_network import stored_network
from blindspots.spectral.spectrum import layer_spectra
from blindspots.store.layout import Layout, model_name
from blindspots.study.study import Study
from blindspots.tables.distortions import group


def model_spectra(
    tree: xr.DataTree, study: Study, dataset: Dataset, layout: Layout, *, model: str | None = None, seed: int = 0
) -> Figure:
    """Return a panel for each convolution of a model, and one for its linear layers.

    ``model``: a name of the study, by default its first convolutional network, or its first with hidden layers.

    Raises :class:`~blindspots.errors.InputError` where the store lacks the model's weights or its bounds.
    """
    used = model or shown(study)
    network = stored_network(study, dataset, layout, used, seed)
    bounds = group(tree, f"spectral/{model_name(used, seed)}")
    return spectrum_figure(layer_spectra(network), bounds, title=f"Layers of {source_label(study, used)}")


def shown(study: Study) -> str:
    """Return the name of the model that is shown where none is asked for."""
    kinds = sorted(study.models, key=lambda spec: (not spec.channels, not spec.hidden))
    return kinds[0].name
