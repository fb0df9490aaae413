"""The flow that bounds the layers of a user's model: one Ray actor a worker, layer by layer.

No ``from __future__ import annotations`` in a module with flows: Prefect could not resolve their parameters' types.
"""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger
from pydantic import Field

from blindspots.spectral.network import assemble
from flows.local_run import default_workers
from tasks.actors.layer_bounder import ModelFile
from tasks.actors.pool import start_ray
from tasks.bound_layers import bound_layers

FilePath = Annotated[str, Field(min_length=1, description="A file of weights (.safetensors, .pth), or its address")]
Network = (
    Annotated[
        str,
        Field(description="alexnet, alexnet-2012, or package.module:function; empty for what the file says"),
    ]
    | None
)
InputShape = Annotated[tuple[int, ...], Field(description="Shape of one image, such as [3, 224, 224]")] | None
Sha256 = Annotated[str, Field(description="SHA-256 of what lies at an address, or its first digits")] | None


@flow(name="bounds-of-file", flow_run_name="bounds of {path}", persist_result=False)
def bounds_of_file(
    path: FilePath,
    network: Network = None,
    input_shape: InputShape = None,
    sha256: Sha256 = None,
    unbounded: bool = False,
    workers: Annotated[int, Field(ge=1, le=4096, description="Ray actors; empty for one a core")] | None = None,
) -> dict[str, Any]:
    """Bound every layer of a model out of a file, and the whole; returns the data set as a dictionary."""
    import ray

    file = ModelFile(path, network, input_shape, sha256, unbounded)
    opened, graph = file.open()
    get_run_logger().info("%s: %d layers", opened.name, len(graph.layers))
    count = workers or default_workers()
    owns_ray = not ray.is_initialized()
    if owns_ray:
        start_ray(count)
    try:
        bounds = assemble(graph, bound_layers(file, graph, count))
    finally:
        if owns_ray:
            ray.shutdown()
    columns = ("kind", "input_shape", "lower", "upper", "running", "method")
    rows = [
        {"layer": str(name), **{column: str(bounds[column].sel(layer=name).item()) for column in columns}}
        for name in bounds["layer"].values
    ]
    create_table_artifact(key="bounds-of-file", table=rows, description=f"Bounds of the layers of {path}")
    found: dict[str, Any] = bounds.to_dict()
    return found
