"""How far a whole network can spread two images apart: the bounds of its layers, put together (section 4.3)."""

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch
import xarray as xr
from torch import nn

from blindspots.arguments import of_numpy_too
from blindspots.spectral.graph.graph import Graph, Layer, trace
from blindspots.spectral.matrix.bound import Bound, NoRuleError, times
from blindspots.spectral.rules.rules import layer_bound

_UNIT = "unit of the layer's output per unit of its input, in Euclidean norms"
_OF_ALL = "logit per unit of the input's Euclidean norm"


@dataclass(frozen=True)
class LayerBound:
    """What is known of one layer of a network."""

    own: Bound
    folded: Bound | None = None
    """Of a batch norm and the layer before it, as one."""


def bound_layer(layer: Layer, *, unbounded: bool = False) -> LayerBound:
    """Return the bounds of one layer of a graph; every layer's can be had apart from the others'.

    Raises NoRuleError, which names the layer, for one without a rule; with ``unbounded`` its upper bound is infinite.
    """
    try:
        if layer.module is None:
            raise NoRuleError(layer.problem)
        own = layer_bound(layer.module, layer.input_shape)
    except NoRuleError as reason:
        if not unbounded:
            raise NoRuleError(
                f"layer {layer.name!r} ({layer.kind}): {reason}; with unbounded=True its bound is infinity"
            ) from reason
        return LayerBound(Bound(0.0, math.inf, f"none: {reason}"))
    return LayerBound(own, layer_bound(layer.folded, layer.folded_shape) if layer.folded is not None else None)


def running_constants(graph: Graph, bounds: Sequence[LayerBound]) -> list[float]:
    """Return each step's upper bound with respect to the network's input; the last is the network's."""
    if len(bounds) != len(graph.layers):
        raise ValueError(f"{len(bounds)} bounds for {len(graph.layers)} layers")
    layers = [bound.own.upper for bound in bounds]
    folded = [math.inf if bound.folded is None else bound.folded.upper for bound in bounds]
    # each step's from those before: see the walk for what multiplies, adds up and lies side by side
    running: list[float] = []
    for step in graph.steps:
        running.append(step.running(running, layers, folded))
    return running


def running_jumps(graph: Graph, bounds: Sequence[LayerBound]) -> list[float]:
    """Return how far, in its norm, each step's value may lie off what it is without the layers' jumps.

    It is of that without them that :func:`running_constants` holds. Rounded up.
    """
    running: list[float] = []
    for step in graph.steps:
        before = [running[at] for at in step.inputs]
        if step.rule == "layer":
            own = bounds[step.layer].own
            off = times(max(before), own.upper) + own.jump
        else:
            parts = [times(each, factor) for each, factor in zip(before, step.factors, strict=True)]
            off = sum(parts) if step.rule == "sum" else math.hypot(*parts)
        running.append(off * (1 + 1e-12))
    return running


def assemble(graph: Graph, bounds: Sequence[LayerBound]) -> xr.Dataset:
    """Return the layers' ``bounds`` and what follows from them for the whole network, as a data set over ``layer``.

    ``running``: how far a layer's output can move for a unit of the network's input, at most. Layers in a row multiply
    (section 4.3); where branches are added, their constants are added (a residual block: 1 + L); where they lie side by
    side, it is the root of the sum of squares; fixed factors multiply by the largest of them. ``folded``: the upper
    bound of a batch norm together with the layer that it alone reads, which counts instead of both where it is less.
    The attribute ``product`` is the upper bound of all, infinity where a layer has none. A layer that jumps by no more
    than float32 rounds (a softplus at its threshold) is bounded but for that, and its ``method`` says so.
    """
    running = running_constants(graph, bounds)
    after = {step.layer: value for step, value in zip(graph.steps, running, strict=True) if step.rule == "layer"}
    own = [bound.own for bound in bounds]
    folded = [math.nan if bound.folded is None else bound.folded.upper for bound in bounds]

    return xr.Dataset(
        {
            "kind": _column([layer.kind for layer in graph.layers], "kind of layer"),
            "input_shape": _column([_text(layer.input_shape) for layer in graph.layers], "shape of the layer's input"),
            "output_shape": _column([_text(layer.output_shape) for layer in graph.layers], "shape of its output"),
            "lower": _column([bound.lower for bound in own], "some inputs are spread apart this much", _UNIT),
            "upper": _column([bound.upper for bound in own], "no inputs are spread apart more", _UNIT),
            "folded": _column(folded, "no more with the layer before it, as one", _UNIT),
            "method": _column([bound.method for bound in own], "how the bounds were found"),
            "residual": _column(
                [bound.residual for bound in own], "relative residual of the lower bound's vectors", "1"
            ),
            "running": _column(
                [after[at] for at in range(len(own))],
                "upper bound of all layers up to this one",
                "unit of the layer's output per unit of the network's input",
            ),
        },
        coords={"layer": _column([layer.name for layer in graph.layers], "layer of the network")},
        attrs={
            "product": running[-1],
            "units": _OF_ALL,
            "input_shape": _text(graph.input_shape),
            "blindspots": version("blindspots"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    )


@of_numpy_too
def network_bounds(model: nn.Module, input_shape: tuple[int, ...], *, unbounded: bool = False) -> xr.Dataset:
    """Return the bounds of every layer of ``model`` and of the whole, as :func:`assemble` describes them.

    ``input_shape``: of one image, without the batch, such as (3, 224, 224). The model is taken in evaluation mode and
    left as it is. Raises InputError for a model that can't be taken apart or a shape that it doesn't take
    (:func:`.trace`), NoRuleError for a layer that no rule is known for; with ``unbounded`` the
    bounds of that layer and of what follows are infinite instead.
    """
    graph = trace(model, input_shape)
    return assemble(graph, [bound_layer(layer, unbounded=unbounded) for layer in graph.layers])


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _column(values: list[float] | list[str], meaning: str, units: str = "") -> tuple[str, np.ndarray, dict[str, str]]:
    numbers = bool(units)
    data = np.array(values, dtype=np.float64 if numbers else np.dtypes.StringDType())
    return "layer", data, {"long_name": meaning, **({"units": units} if numbers else {})}
