"""The Prefect task that has a model's layers bounded by actors, the largest first."""

from typing import Any
from uuid import UUID

import ray
from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from ray.util import ActorPool

from blindspots.spectral.graph.graph import Graph
from blindspots.spectral.network import LayerBound
from tasks.actors.layer_bounder import LayerBounder, ModelFile

_TRIES_OF_A_CALL = 3


@task(task_run_name="bound layers", cache_policy=NO_CACHE, persist_result=False)
def bound_layers(file: ModelFile, graph: Graph, workers: int) -> list[LayerBound]:
    """Return the bounds of the graph's layers, made by ``workers`` actors that each open the file.

    Ray must be there. An actor that dies is started anew, and its layer is done again.
    """
    order = sorted(range(len(graph.layers)), key=lambda index: _size(graph, index), reverse=True)
    remote = ray.remote(LayerBounder).options(num_cpus=1, max_restarts=-1, max_task_retries=_TRIES_OF_A_CALL)
    actors: list[Any] = [remote.remote(file) for _ in range(min(workers, len(order)))]
    progress = create_progress_artifact(0.0, key="layers-bounded", description=f"Layers of {file.path}")
    assert isinstance(progress, UUID)  # for the type checker: not a coroutine here
    found: dict[int, LayerBound] = {}
    try:
        for index, bound in ActorPool(actors).map_unordered(lambda actor, index: actor.bound.remote(index), order):
            found[index] = bound
            update_progress_artifact(progress, 100 * len(found) / len(order))
    finally:
        for actor in actors:
            ray.kill(actor)
    return [found[index] for index in range(len(order))]


def _size(graph: Graph, index: int) -> int:
    module = graph.layers[index].module
    return sum(weight.numel() for weight in module.parameters()) if module is not None else 0
