"""A walk along the nodes that torch.fx found: each is evaluated, and noted as a layer or as a step between layers.

The nodes come in the order of the forward pass, so that whatever one reads has been visited. With f_v for the function
from the network's input to the value of node v, the walk writes down how a Lipschitz constant of f_v follows from those
of the nodes that it reads::

    layer   g(f)                 L(g) L(f)                     (section 4.3: layers in a row multiply)
    sum     a_1 f_1 + a_2 f_2    |a_1| L(f_1) + |a_2| L(f_2)   (the triangle inequality)
    join    (f_1, f_2)           sqrt(L(f_1)^2 + L(f_2)^2)     (squares of changes side by side add up)

No constant is worked out on the way: :meth:`.Step.running` does that once the layers' bounds are there.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from blindspots.device import raise_if_full
from blindspots.errors import InputError
from blindspots.spectral.graph.affine import combination, picking, unchanged
from blindspots.spectral.graph.arithmetic import (
    CASTS,
    JOINING,
    SELECTIONS,
    Step,
    arithmetic,
    check_cast,
    copies,
    numbered,
)
from blindspots.spectral.graph.folding import folded
from blindspots.spectral.graph.functional import QUESTIONS, called_name, module_of
from blindspots.spectral.graph.layers import Layer
from blindspots.spectral.graph.node_values import NodeValues, path_of, tensors_in
from blindspots.spectral.graph.stand_ins import check_stand_in, settled
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.rules.unbounded import why_unbounded

_WITH_CHANNELS = re.compile(r"[A-Za-z]*(?:Pool|Conv|ConvTranspose)([123])d")
"""Names of layers that want channels before so many sizes."""


class Walk:
    """Layers and steps so far."""

    def __init__(self, values: NodeValues) -> None:
        self.values = values
        self.layers: list[Layer] = []
        self.steps: list[Step] = []
        self.asked = False
        """Whether a size or the like was asked for, which may be that of the batch."""
        self._step_of: dict[fx.Node, int] = {}
        self._uses: Counter[str] = Counter()

    def through(self, nodes: Sequence[fx.Node]) -> Any:
        """Walk along ``nodes`` and return what comes out; raises InputError where a node doesn't take what comes in."""
        for node in nodes:
            try:
                self._visit(node)
            except InputError:
                raise
            except Exception as error:  # whatever a function raises of what it does not take
                raise_if_full(error)
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                shape = tuple(self.values.batch.shape[1:])
                raise InputError(f"the model takes no input of shape {shape}: {path_of(node)}: {reason}") from error
        return self.values.held[nodes[-1]]

    def _visit(self, node: fx.Node) -> None:
        held = self.values.held
        if node.op == "placeholder":
            held[node] = self._entering(node)
        elif node.op == "get_attr":
            held[node] = self.values.constant(node)
        elif node.op == "output":
            held[node] = self.values.of(node.args[0])
            self._finish(node.args[0])
        else:
            # before it is evaluated: what it overwrites would be seen by nodes that are yet to come
            self.values.check_overwritten(node)
            held[node] = outcome = self.values.evaluate(node)
            # f_v is constant where nothing that v reads depends on the input; sizes and the like do not
            if self.values.sources(node):
                if called_name(node) in QUESTIONS:
                    self.asked = True
                else:
                    self._note(node, outcome)

    def _entering(self, node: fx.Node) -> Any:
        if not self.steps:
            self._add(node, Step("input"))
            return self.values.batch.clone()  # the pass may overwrite it
        if not node.args:
            raise InputError(f"the model wants {node.target!r} beside its input; give one that wants one input alone")
        return node.args[0]

    def _finish(self, result: Any) -> None:
        """Make the output the last step."""
        if not isinstance(result, fx.Node):
            return
        if result not in self._step_of:
            self.steps.append(Step("constant"))
        elif self._step_of[result] != len(self.steps) - 1:  # what came after it is not part of the output
            self.steps.append(Step("sum", (self._step_of[result],), (1.0,)))

    def _note(self, node: fx.Node, outcome: Any) -> None:
        sources = self.values.sources(node)
        try:
            found = self._step(node, outcome, sources)
            if isinstance(found, Layer):
                _check_channels(found)
        except NoRuleError as reason:
            # a layer without a module: its constant is unknown, which is not the same as 1
            module = self.values.modules[str(node.target)] if node.op == "call_module" else None
            kind = _called(node) if module is None else type(module).__name__
            known = why_unbounded(kind if module is None else module, sources=len(set(sources)))
            shape = _shape(self.values.held[sources[0]])
            found = Layer(path_of(node), kind, None, shape, _shape(outcome), problem=known or str(reason))
        self._add(node, found if isinstance(found, Step) else self._layer(node, found))

    def _add(self, node: fx.Node, step: Step) -> None:
        self._step_of[node] = len(self.steps)
        self.values.dependent.add(node)
        self.steps.append(step)

    def _step(self, node: fx.Node, outcome: Any, sources: list[fx.Node]) -> Step | Layer:
        """Return what a node is, of which ``sources`` depend on the input; raises NoRuleError where that's unknown."""
        name, first = called_name(node), sources[0]
        alone = len(sources) == 1 and len(node.args) > 0 and node.args[0] is first
        if not _is_float(outcome):
            raise NoRuleError("no rule for what depends on the input but is no tensor of floating-point numbers")
        for read in sources:
            for before in tensors_in(self.values.held[read]):
                for after in tensors_in(outcome):  # whatever casts: a method, an argument dtype, a layer
                    check_cast(before.dtype, after.dtype)
        if alone and not isinstance(self.values.held[first], torch.Tensor) and (name == "getitem" or name in JOINING):
            if name in JOINING:
                self.values.check_images(node, str(name), outcome)
            return Step("sum", (self._step_of[first],), (1.0,))  # what is known is of all the pieces together
        if any(not isinstance(self.values.held[source], torch.Tensor) for source in sources):
            raise NoRuleError("no rule for what is done with several tensors at once")
        if node.op == "call_module":
            return self._module(node, outcome, first, alone)
        arguments, settings = self.values.of(node.args), self.values.of(node.kwargs)
        if name is None or "out" in settings:
            raise NoRuleError(f"no rule for {_called(node)}")
        # one input that depends on the network's: values picked out of it, or a function that stands for a layer
        if alone and name in SELECTIONS:
            return self._selection(node, name, first, outcome)
        if alone:
            module = _functional(name, arguments[0], arguments[1:], settings)
            module = None if module is None else settled(module, arguments[0].dtype)
            if module is not None:
                check_stand_in(module, partial(self._called_with, node), arguments[0])
                return Layer(path_of(node), type(module).__name__, module, _shape(arguments[0]), _shape(outcome))
        # several, or arithmetic with constants: a sum or a join with a factor for each that depends on the input
        joined: Any = node.args[0] if node.args and isinstance(node.args[0], tuple | list) else node.args
        depends = [isinstance(value, fx.Node) and value in self._step_of for value in joined]
        combined = None
        if sum(depends) == len(sources):
            combined = arithmetic(name, tuple(self.values.of(tuple(joined))), settings, depends, outcome)
        if combined is None:
            raise NoRuleError(f"no rule for {_called(node)}")
        if isinstance(outcome, tuple):
            raise NoRuleError(f"no rule for {_called(node)} with several results")
        self.values.check_images(node, name, outcome)
        rule, parts = combined
        ways, factors = tuple(self._step_of[joined[at]] for at, _ in parts), tuple(factor for _, factor in parts)
        same = name in CASTS and alone and outcome.shape == self.values.held[first].shape
        known, call = self.values.of(tuple(joined)), partial(self._called_with, node)
        affine = unchanged(_shape(outcome)) if same else combination(name, known, settings, depends, outcome, call)
        return Step(rule, ways, factors, same=same, affine=affine)

    def _module(self, node: fx.Node, outcome: Any, first: fx.Node, alone: bool) -> Layer:
        module, source = self.values.modules[str(node.target)], self.values.held[first]
        kind = parametrize.type_before_parametrizations(module).__name__
        if not alone or len(node.args) != 1 or node.kwargs or not isinstance(outcome, torch.Tensor):
            raise NoRuleError(f"no rule for {kind} with more than one input or output")
        if source.dim() < 2 or outcome.dim() < 2 or {len(source), len(outcome)} != {len(self.values.batch)}:
            raise NoRuleError(f"no rule for {kind} on what isn't a batch of images")
        return Layer(str(node.target), kind, settled(module, source.dtype), _shape(source), _shape(outcome))

    def _called_with(self, node: fx.Node, inputs: torch.Tensor) -> torch.Tensor:
        """Return what a node makes of ``inputs`` in place of the one value it reads that depends on the input."""
        outcome: torch.Tensor = self.values.evaluate(node, lambda _: inputs)
        return outcome

    def _selection(self, node: fx.Node, name: str, first: fx.Node, outcome: Any) -> Step:
        """Return the step of a linear map S each of whose rows holds a single 1.

        S'S is diagonal, with how often each value is selected: the norm of S is the root of the largest count. Which
        value goes where is seen by sending numbered ones through.
        """
        source = self.values.held[first]
        if source.dim() < 2 or len(source) != len(self.values.batch):
            raise NoRuleError(f"no rule for {name} of what isn't a batch of images")
        selected = self.values.evaluate(node, numbered)
        factor = copies(selected, len(source), source[0].numel())
        outcomes = zip(tensors_in(selected), tensors_in(outcome), strict=True)
        if any(part.dtype != torch.float64 or part.shape != own.shape for part, own in outcomes):
            raise NoRuleError(f"no rule for {name} that reads the values' bits as those of another dtype")
        same = isinstance(selected, torch.Tensor) and torch.equal(selected.flatten(), numbered(source).flatten())
        affine = None
        if same:
            affine = unchanged(_shape(selected))
        elif isinstance(selected, torch.Tensor):
            affine = picking(selected[0].flatten().long(), _shape(selected))
        return Step("sum", (self._step_of[first],), (factor,), same=same, affine=affine)

    def _layer(self, node: fx.Node, layer: Layer) -> Step:
        """Note a layer, folded with the one before where it can be, and return its step."""
        sources = list(dict.fromkeys(self.values.sources(node)))
        # only if nobody else reads what lies between the two may they be taken as one
        before, around = self.steps[self._step_of[sources[0]]], -1
        if before.rule == "layer" and layer.module is not None and len(sources[0].users) == 1:
            first = self.layers[before.layer]
            both = folded(first.module, layer.module, layer.input_shape) if first.module is not None else None
            if both is not None:
                layer, around = replace(layer, folded=both, folded_shape=first.input_shape), before.inputs[0]
        self._uses[layer.name] += 1
        if self._uses[layer.name] > 1:
            layer = replace(layer, name=f"{layer.name}#{self._uses[layer.name]}")
        self.layers.append(layer)
        return Step("layer", tuple(self._step_of[read] for read in sources), layer=len(self.layers) - 1, fold=around)


def _functional(name: str, source: torch.Tensor, rest: Any, settings: Any) -> nn.Module | None:
    """Return the module that a call stands for, None where there is none or it doesn't know the arguments."""
    try:
        return module_of(name, _shape(source), tuple(rest), dict(settings))
    except NoRuleError:
        raise
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError):  # the call itself went well
        return None


def _check_channels(layer: Layer) -> None:
    """Raise NoRuleError for a layer that takes the images of a batch for channels, which its input is without."""
    sizes = _WITH_CHANNELS.fullmatch(layer.kind)
    if sizes is not None and len(layer.input_shape) == int(sizes[1]):
        raise NoRuleError(f"no rule for {layer.kind} on images of shape {layer.input_shape}, without channels")


def _called(node: fx.Node) -> str:
    return str(getattr(node.target, "__name__", node.target))


def _is_float(outcome: Any) -> bool:
    parts = outcome if isinstance(outcome, tuple | list) else [outcome]
    return all(isinstance(part, torch.Tensor) and part.is_floating_point() for part in parts)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape[1:]) if isinstance(value, torch.Tensor) else ()
