"""The Ray actor that bounds one layer after another of a model out of a file. No Prefect in here."""

from dataclasses import dataclass

from blindspots.device import one_thread
from blindspots.models.opening import OpenedModel, open_model
from blindspots.spectral.graph.graph import Graph, trace
from blindspots.spectral.network import LayerBound, bound_layer


@dataclass(frozen=True)
class ModelFile:
    """A file of weights and what is needed to open it; plain values, so that every actor opens its own."""

    path: str
    network: str | None = None
    input_shape: tuple[int, ...] | None = None
    sha256: str | None = None
    unbounded: bool = False
    """Whether layers without a rule are infinite instead of an error."""

    def open(self) -> tuple[OpenedModel, Graph]:
        """Return the model and its layers; raises :class:`~blindspots.errors.InputError` for what does not fit."""
        opened = open_model(self.path, network=self.network, input_shape=self.input_shape, sha256=self.sha256)
        return opened, trace(opened.model, opened.input_shape)


class LayerBounder:
    """Holds the model; every call says which layer, so that one that was lost is made again."""

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        _, self._graph = file.open()

    def bound(self, index: int) -> tuple[int, LayerBound]:
        """Return a layer's place and its bounds."""
        with one_thread():
            return index, bound_layer(self._graph.layers[index], unbounded=self._file.unbounded)
