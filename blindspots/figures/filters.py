"""What an autoencoder's codes look for: the weights of its first layer, drawn as images."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures.palette import source_label
from blindspots.figures.pixels import shown_pixels
from blindspots.figures.plate import Plate
from blindspots.networks.fully_connected import FullyConnected
from blindspots.results.results import Results
from blindspots.study.study import Study

MOST = 400
"""Filters that are drawn at most: the first."""
_GAP = 2  # pixels between filters


def filters(results: Results, *, model: str | None = None, seed: int = 0) -> Figure:
    """Return the first-layer weights of an autoencoder as a grid of images, in the order of its units.

    Each filter is divided by its own largest absolute weight: mid-grey is 0, white the largest positive weight.
    ``model``: a name of the study, by default its first autoencoder.

    Raises :class:`InputError` where the study has no autoencoder or its weights are missing.
    """
    study = results.study
    names = autoencoders(study)
    if model is None and not names:
        raise InputError(f"the study {study.name} has no autoencoder")
    used = model or names[0]
    weights = first_layer(results, used, seed)
    count = min(MOST, len(weights))
    figure = Figure(figsize=(7.6, 8.0), layout="constrained")
    axes = draw_filters(figure.add_subplot(), shown_pixels(weights[:count].reshape(count, *results.dataset.shape)))
    which = f"all {count} filters" if count == len(weights) else f"the first {count} of {len(weights)} filters"
    axes.set_title(f"{source_label(study, used)}: {which} of the first layer", fontsize=9)
    return figure


def filter_plates(results: Results) -> Iterator[Plate]:
    """Yield the filters of every autoencoder of a study, of seed 0."""
    study = results.study
    for name in autoencoders(study):
        yield Plate(
            filters(results, model=name),
            alt=f"The first-layer weights of {name} as a grid of small grey images.",
            caption=f"The weights between the image and each code of {study.model(name).paper or name}, seed 0, "
            f"in the order of the codes, {MOST} at most. Each is divided by its own largest absolute weight: mid-grey "
            "is 0, white positive, black negative.",
        )


def autoencoders(study: Study) -> list[str]:
    """Return the names of a study's autoencoders."""
    return [spec.name for spec in study.models if spec.network == "autoencoder"]


def first_layer(results: Results, model: str, seed: int = 0) -> np.ndarray:
    """Return the weights (units, pixels) between the image and a model's first fully connected layer.

    Raises :class:`InputError` for a convolutional model, or one whose weights are missing or of another network.
    """
    network = results.network(model, seed)
    if not isinstance(network, FullyConnected):
        raise InputError(f"{model} has no fully connected layer on the image")
    return network.linears[0].weight.detach().numpy()


def draw_filters(axes: Axes, images: np.ndarray) -> Axes:
    """Draw ``images``, each divided by its own largest absolute value, and return the axes.

    ``images``: (n, height, width), or (n, height, width, 3) in colours.
    """
    count, height, width, *colours = images.shape
    across = int(np.ceil(np.sqrt(count)))
    down = -(-count // across)
    picture = np.ones((down * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP, *colours), np.float32)
    largest = np.abs(images).max(axis=tuple(range(1, images.ndim)), keepdims=True)
    scaled = 0.5 + 0.5 * images / np.where(largest > 0, largest, 1)
    for index, image in enumerate(scaled):
        top, left = index // across * (height + _GAP), index % across * (width + _GAP)
        picture[top : top + height, left : left + width] = image
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    return axes
