"""A model's graph as a network that is linear in pieces, where it is one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

import torch
from torch import nn

from blindspots.spectral.graph.affine import Affine, Part
from blindspots.spectral.graph.layers import Graph, Layer
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.relaxation.layers import linear_layer, slope_of
from blindspots.spectral.relaxation.maps import Averaging, LinearMap, Scaled, Selected
from blindspots.spectral.relaxation.pieces import Node, Pieces
from blindspots.spectral.relaxation.pooling import KINDS as MAX_POOLS
from blindspots.spectral.relaxation.pooling import windows
from blindspots.spectral.rules.layer_inputs import own_code

_KEPT = (nn.Identity, nn.Flatten, nn.Unflatten, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_RECTIFIERS = (nn.ReLU, nn.LeakyReLU, nn.PReLU)
_Terms = tuple[tuple[int, ...], tuple[LinearMap, ...]]
"""A sum: nodes, and the map of each."""


def piecewise(graph: Graph, device: torch.device) -> Pieces:
    """Return the network of a graph, which is of float64, on ``device``.

    Layers are taken by exactly their class: a subclass may do something else. Raises NoRuleError, which names the layer
    or the step, for a network that is not linear in pieces or of which that is not known.
    """
    return Pieces(_reached(_Reading(graph, device).nodes))


def _reached(nodes: list[Node]) -> tuple[Node, ...]:
    """Return the input, and of the other nodes those that the last one depends on."""
    wanted = {0, len(nodes) - 1}
    for place in reversed(range(len(nodes))):
        if place in wanted:
            wanted.update(nodes[place].inputs)
    new = {place: at for at, place in enumerate(sorted(wanted))}

    def moved(node: Node) -> Node:
        largest = None if node.largest is None else (new[node.largest[0]], node.largest[1])
        return replace(node, inputs=tuple(new[place] for place in node.inputs), largest=largest)

    return tuple(moved(nodes[place]) for place in new)


@dataclass
class _Reading:
    graph: Graph
    device: torch.device
    nodes: list[Node] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    """Of each step, the node that holds its value."""
    rising: dict[int, tuple[int, torch.Tensor | None]] = field(default_factory=dict)
    """By the number of its step, of a rectifier that one other step alone reads and that never falls: the node that is
    rectified, and the slope below 0."""

    def __post_init__(self) -> None:
        reads = Counter(place for step in self.graph.steps for place in step.inputs)
        for number, step in enumerate(self.graph.steps):
            if step.rule == "input":
                self.place.append(self._add(Node(self.graph.input_shape)))
            elif step.rule == "layer":
                layer = self.graph.layers[step.layer]
                try:
                    self.place.append(self._layer(layer, step.inputs[0]))
                except NoRuleError as reason:
                    raise NoRuleError(f"layer {layer.name!r} ({layer.kind}): {reason}") from reason
                if type(layer.module) in _RECTIFIERS and reads[number] == 1:
                    slope = slope_of(layer.module, layer.output_shape)  # type: ignore[arg-type]
                    if slope is None or (slope.dim() == 0 and float(slope) >= 0):
                        self.rising[number] = (self.place[step.inputs[0]], slope)
            elif step.affine is not None:
                self.place.append(self._affine(step.affine, [self.place[at] for at in step.inputs]))
            elif step.same or (step.rule == "sum" and number == len(self.graph.steps) - 1 and step.factors == (1.0,)):
                self.place.append(self.place[step.inputs[0]])
            else:
                raise NoRuleError(f"step {number} of the forward pass is no affine one that is known value by value")
        if self.place[-1] != len(self.nodes) - 1 or len(self.nodes[-1].shape) != 1:
            last = self.nodes[self.place[-1]].shape
            self._sum([self.place[-1]], [_same(last, (prod(last),))], (prod(last),))

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _sum(
        self,
        inputs: Sequence[int],
        maps: Sequence[LinearMap],
        shape: tuple[int, ...],
        constant: torch.Tensor | None = None,
        terms: torch.Tensor | None = None,
    ) -> int:
        constant = torch.zeros((), dtype=torch.float64) if constant is None else constant
        if not bool(torch.isfinite(constant).all()):
            raise NoRuleError("a constant of it is not finite")
        terms = constant.abs() if terms is None else terms
        return self._add(Node(shape, tuple(inputs), tuple(maps), constant.to(self.device), terms.to(self.device)))

    def _affine(self, affine: Affine, inputs: list[int]) -> int:
        shapes = [self.nodes[place].shape for place in inputs]
        maps = [self._part(part, shape, affine.shape) for part, shape in zip(affine.parts, shapes, strict=True)]
        return self._sum(inputs, maps, affine.shape, affine.constant)

    def _part(self, part: Part, before: tuple[int, ...], after: tuple[int, ...]) -> LinearMap:
        if part.call is not None:
            return Averaging(part.call, before, after, 2 + prod(before) // max(1, prod(after)))
        if part.index is not None:
            return Selected(part.index.to(self.device), before, after)
        assert part.factor is not None
        if not bool(torch.isfinite(part.factor).all()):
            raise NoRuleError("a factor of it is not finite")
        return Scaled(part.factor.to(self.device), before, after)

    def _layer(self, layer: Layer, step: int) -> int:
        """Add the nodes of a layer that reads what the step ``step`` makes."""
        source = self.place[step]
        module, before, after = layer.module, self.nodes[source].shape, layer.output_shape
        if module is None:
            raise NoRuleError(layer.problem)
        if own := own_code(module):
            raise NoRuleError(f"it {own}")
        kind = type(module)
        if kind in _KEPT:
            return source if before == after else self._sum([source], [_same(before, after)], after)
        if kind in _RECTIFIERS:
            return self._rectified(source, slope_of(module, after))
        if kind in MAX_POOLS:
            return self._maximum(step, module, after)
        found = linear_layer(module, before, after)
        if found is None:
            raise NoRuleError("no relaxation is known of it")
        one, constant, terms = found
        return self._sum([source], [one], after, constant, terms)

    def _rectified(self, source: int, slope: torch.Tensor | None) -> int:
        shape = self.nodes[source].shape
        made = self._add(Node(shape, (source,)))
        if slope is not None:
            made = self._sum([source, made], [Scaled(slope, shape, shape), Scaled(1 - slope, shape, shape)], shape)
        return made

    def _maximum(self, step: int, module: nn.Module, after: tuple[int, ...]) -> int:
        # what rises may as well come after the maximum, where there are fewer values; no other node reads it
        source = self.place[step]
        swapped = self.rising.get(step) if source == len(self.nodes) - 1 else None
        if swapped is not None:
            # its own nodes alone are the last: those of other branches may lie between it and what it rectifies
            del self.nodes[-1 if swapped[1] is None else -2 :]
            source = swapped[0]
        index = windows(module, self.nodes[source].shape, after).to(self.device)
        level: list[_Terms] = [((source,), (Selected(one, self.nodes[source].shape, after),)) for one in index]
        while len(level) > 1:
            pairs = [self._larger(level[at], level[at + 1], after) for at in range(0, len(level) - 1, 2)]
            level = pairs + level[len(pairs) * 2 :]
        made = self._sum(*level[0], after)
        self.nodes[made] = replace(self.nodes[made], largest=(source, index))
        return made if swapped is None else self._rectified(made, swapped[1])

    def _larger(self, first: _Terms, second: _Terms, after: tuple[int, ...]) -> _Terms:
        """Return the larger of two sums of terms, value by value, as one: b + relu(a - b)."""
        apart = self._sum((*first[0], *second[0]), (*first[1], *map(_negative, second[1])), after)
        bent = self._add(Node(after, (apart,)))
        return (*second[0], bent), (*second[1], _same(after, after))


def _same(before: tuple[int, ...], after: tuple[int, ...]) -> Scaled:
    return Scaled(torch.ones((), dtype=torch.float64), before, after)


def _negative(one: LinearMap) -> LinearMap:
    if isinstance(one, Scaled):
        return replace(one, factor=-one.factor)
    assert isinstance(one, Selected)
    return replace(one, factor=-one.factor)
