"""The command ``bounds``: the layers of a model out of a file, in this process or by Ray actors."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr

from blindspots.figures import save_figure
from blindspots.figures.saving import check_file
from blindspots.tables.table5.layers import alexnet_layers
from blindspots.jobs.file_bounds import ModelFile, file_bounds
from blindspots.jobs.hands import Hands, OwnHands
from blindspots.spectral.graph.graph import Graph
from blindspots.models.opening import OpenedModel
from blindspots.spectral.network import LayerBound
from blindspots.tables.sheet import check_format
from blindspots.tables.sheets.formats import render
from blindspots.tables.sheets.layer import as_table
from blindspots.tables.table5.table import NETWORKS, table5
from flows.printing import cannot_write
from flows.printing import prints_aside


def bounds_of(
    path: str,
    *,
    network: str | None,
    input_shape: tuple[int, ...] | None,
    sha256: str | None,
    unbounded: bool,
    workers: int | None,
    form: str,
    figure_path: Path | None,
) -> str:
    """Return the bounds of a model's layers as ``form``, and below them Table 5 where it is an AlexNet.

    Draws the spectra into ``figure_path`` where there is one. Raises :class:`InputError` before any work where
    something does not fit.
    """
    check_format(form)
    if figure_path is not None:
        check_file(figure_path)
    file = ModelFile(path, network, input_shape, sha256)
    opened, graph = file.open()
    with _hands(workers) as hands:
        bounds = file_bounds(file, graph, hands, unbounded=unbounded, seen=_bar(graph))
    if figure_path is not None:
        _draw(opened, bounds, figure_path)
    text = render(as_table(bounds, name=opened.name, missing=opened.missing), form)
    if opened.name not in NETWORKS or form in ("csv", "json"):
        return text
    return f"{text}\n\n{render(table5(alexnet_layers(opened, bounds)), form)}"


@contextmanager
def _hands(workers: int | None) -> Iterator[Hands]:
    """Yield this process's own hands, or as many Ray actors while the block runs."""
    if workers is None:
        yield OwnHands()
        return
    with prints_aside():
        from tasks.actors.workers import Workers

        hired = Workers(workers)
        try:
            yield hired
        finally:
            hired.close()


def _bar(graph: Graph) -> Callable[[Iterable[LayerBound]], Iterable[LayerBound]]:
    """Return what shows on stderr, where that is a terminal, how many layers are bounded."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return lambda bounds: track(
        bounds, "layers", total=len(graph.layers), console=console, disable=not console.is_terminal, transient=True
    )


def _draw(opened: OpenedModel, bounds: xr.Dataset, path: Path) -> None:
    from blindspots.figures.spectrum import spectrum_figure
    from blindspots.spectral.spectrum import layer_spectra

    figure = spectrum_figure(layer_spectra(opened.model), bounds, title=f"Layers of {opened.name}")
    try:
        save_figure(figure, path)
    except OSError as error:
        raise cannot_write(path, error) from None
