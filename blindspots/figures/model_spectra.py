"""The layers of one of a study's models over frequency and singular direction, with their bounds."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from blindspots.figures.palette import source_label
from blindspots.figures.plate import Plate
from blindspots.figures.spectrum import spectrum_figure
from blindspots.results.results import Results
from blindspots.spectral.spectrum import layer_spectra
from blindspots.store import layout
from blindspots.study.study import Study


def model_spectra(results: Results, *, model: str | None = None, seed: int = 0) -> Figure:
    """Return a panel for each convolution of a model, and one for its linear layers.

    ``model``: a name of the study, by default its first convolutional network, or its first with hidden layers.

    Raises :class:`~blindspots.errors.InputError` where the store lacks the model's weights or its bounds.
    """
    study = results.study
    used = model or shown(study)
    network = results.network(used, seed)
    bounds = results.group(layout.bounds(used, seed))
    return spectrum_figure(layer_spectra(network), bounds, title=f"Layers of {source_label(study, used)}")


def spectrum_plates(results: Results) -> Iterator[Plate]:
    """Yield the layers of the model that is shown where none is asked for."""
    name = shown(results.study)
    yield Plate(
        model_spectra(results),
        alt=f"The layers of {name}: for each convolution a map of its norm over frequency, and for the linear layers "
        "their singular values, falling.",
        caption=f"The layers of {results.study.model(name).paper or name}. A convolution's norm over the frequencies "
        "of its output, the peak marked, the layer's bounds as lines in the colour bar; right, the singular values of "
        "the linear layers.",
    )


def shown(study: Study) -> str:
    """Return the name of the model that is shown where none is asked for."""
    kinds = sorted(study.models, key=lambda spec: (not spec.channels, not spec.hidden))
    return kinds[0].name
