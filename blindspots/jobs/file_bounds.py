"""The bounds of a model out of a file, layer by layer by whatever hands there are: each opens the file for itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial

import xarray as xr

from blindspots.jobs.hands import Hands
from blindspots.models.fetching import is_address
from blindspots.models.given import file_hash
from blindspots.models.opening import OpenedModel, open_model
from blindspots.paths import expanded
from blindspots.spectral.graph.graph import Graph, trace
from blindspots.spectral.network import LayerBound, assemble, bound_layer


@dataclass(frozen=True)
class ModelFile:
    """A file of weights and what is needed to open it; plain values that can be sent to other processes."""

    path: str
    """A path, or an address on the web."""
    network: str | None = None
    input_shape: tuple[int, ...] | None = None
    sha256: str | None = None

    def open(self) -> tuple[OpenedModel, Graph]:
        """Return the model and its layers, once a process; raises :class:`InputError` for what does not fit.

        A file that was changed since is opened anew.
        """
        return _opened(self, None if is_address(self.path) else file_hash(expanded(self.path)))


@lru_cache(maxsize=1)
def _opened(file: ModelFile, content: str | None) -> tuple[OpenedModel, Graph]:
    opened = open_model(file.path, network=file.network, input_shape=file.input_shape, sha256=file.sha256)
    return opened, trace(opened.model, opened.input_shape)


def file_bounds(
    file: ModelFile,
    graph: Graph,
    hands: Hands,
    *,
    unbounded: bool = False,
    seen: Callable[[Iterable[LayerBound]], Iterable[LayerBound]] = iter,
) -> xr.Dataset:
    """Return the bounds of all layers of a file's model, and of the whole: :func:`~blindspots.spectral.network_bounds`.

    ``graph``: the file's layers. ``unbounded``: layers without a rule are infinite instead of an error. ``seen``: what
    the bounds go through as they come, such as a bar that counts them.
    """
    order = sorted(range(len(graph.layers)), key=lambda index: _size(graph, index), reverse=True)  # the longest first
    found = dict(zip(order, seen(hands.map(partial(_bound, file, unbounded), order)), strict=True))
    return assemble(graph, [found[index] for index in range(len(order))])


def _bound(file: ModelFile, unbounded: bool, index: int) -> LayerBound:
    _, graph = file.open()
    return bound_layer(graph.layers[index], unbounded=unbounded)


def _size(graph: Graph, index: int) -> int:
    module = graph.layers[index].module
    return sum(weight.numel() for weight in module.parameters()) if module is not None else 0
