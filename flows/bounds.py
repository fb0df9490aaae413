"""The command ``bounds``: the layers of a model out of a file, in this process or by Ray actors."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

import sys
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any

import xarray as xr

from blindspots.errors import InputError
from blindspots.figures import SUFFIXES, save_figure
from blindspots.tables.table5_layers import alexnet_layers
from blindspots.spectral.graph.graph import Graph
from blindspots.models.opening import OpenedModel
from blindspots.spectral.network import assemble, bound_layer
from blindspots.tables.sheets.formats import FORMATS, render
from blindspots.tables.sheets.layer import as_table
from blindspots.tables.table5 import NETWORKS, table5
from flows.local_run import send_logs
from flows.local_server import server_for_a_run
from tasks.actors.layer_bounder import ModelFile


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
    if form not in FORMATS:
        raise InputError(f"no format is called {form!r}; there are {', '.join(FORMATS)}")
    if figure_path is not None and figure_path.suffix not in SUFFIXES:
        raise InputError(
            f"a figure is written as {' or '.join(SUFFIXES)}, not {figure_path.suffix or figure_path.name!r}"
        )
    file = ModelFile(path, network, input_shape, sha256, unbounded)
    opened, graph = file.open()
    bounds = _bounded(graph, file) if workers is None else _by_actors(file, workers)
    if figure_path is not None:
        _draw(opened, bounds, figure_path)
    text = render(as_table(bounds, name=opened.name, missing=opened.missing), form)
    if opened.name not in NETWORKS or form in ("csv", "json"):
        return text
    return f"{text}\n\n{render(table5(alexnet_layers(opened, bounds)), form)}"


def _bounded(graph: Graph, file: ModelFile) -> xr.Dataset:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    layers = track(graph.layers, "layers", console=console, disable=not console.is_terminal, transient=True)
    return assemble(graph, [bound_layer(layer, unbounded=file.unbounded) for layer in layers])


def _by_actors(file: ModelFile, workers: int) -> xr.Dataset:
    """Run the flow in this process, with a server and a Ray of its own where none is named."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(sys.stderr))
        server = stack.enter_context(server_for_a_run())
        from flows.bounds_of_file import bounds_of_file  # Prefect reads its settings when it is imported

        if server is not None:
            server.wait()
            stack.callback(send_logs)
        found: dict[str, Any] = bounds_of_file(
            file.path, file.network, file.input_shape, file.sha256, unbounded=file.unbounded, workers=workers
        )
    return xr.Dataset.from_dict(found)


def _draw(opened: OpenedModel, bounds: xr.Dataset, path: Path) -> None:
    from blindspots.figures.spectrum import spectrum_figure
    from blindspots.spectral.spectrum import layer_spectra

    figure = spectrum_figure(layer_spectra(opened.model), bounds, title=f"Layers of {opened.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_figure(figure, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
