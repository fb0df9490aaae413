"""The values of a model's forward pass, node by node of its torch.fx graph, and which of them depend on the input."""

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import fx, nn

from blindspots.errors import InputError
from blindspots.spectral.graph.arithmetic import JOINING, REDUCING, check_rows, is_random
from blindspots.spectral.graph.functional import QUESTIONS, called_name, is_in_place, known_name
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.rules.layer_inputs import is_torchs_own


class NodeValues:
    """What each node evaluated so far holds; ``batch`` (2, ...) is what goes in.

    ``made``: tensors that are no part of ``root``, by the names that nodes read them by.
    """

    def __init__(
        self, root: nn.Module, nodes: list[fx.Node], batch: torch.Tensor, made: Mapping[str, torch.Tensor]
    ) -> None:
        self.modules = dict(root.named_modules(remove_duplicate=False))
        self.root, self.batch, self.made = root, batch, made
        self.held: dict[fx.Node, Any] = {}
        self.dependent: set[fx.Node] = set()
        self._gone = 0.0  # the largest absolute of the values that were overwritten
        reading = [(place, node) for place, node in enumerate(nodes) if called_name(node) not in QUESTIONS]
        self._last_read = {read: place for place, node in reading for read in node.all_input_nodes}
        self._place = {node: place for place, node in enumerate(nodes)}

    def sources(self, node: fx.Node) -> list[fx.Node]:
        """Return what a node reads that depends on the input, each as often as it does."""
        return [read for read in _mentioned((node.args, node.kwargs)) if read in self.dependent]

    def of(self, arguments: Any) -> Any:
        """Return arguments with the values of the nodes in them."""
        return fx.node.map_arg(arguments, lambda read: self.held[read])

    def largest(self) -> float:
        """Return the largest absolute of the values that depend on the input."""
        parts = (part for node in self.dependent for part in tensors_in(self.held[node]))
        return max(self._gone, *map(_largest, parts))

    def constant(self, node: fx.Node) -> Any:
        """Return a parameter or buffer, what else an attribute of the model holds, or what its forward pass makes."""
        if node.target in self.made:
            return self.made[str(node.target)]
        value: Any = self.root
        for name in str(node.target).split("."):
            value = getattr(value, name)
        if isinstance(value, torch.Tensor) and not is_torchs_own(value):
            raise InputError(
                f"{node.target} is a {type(value).__name__}, which may compute otherwise than a tensor does: "
                "bounds are of models of torch.Tensor and nn.Parameter"
            )
        return value

    def evaluate(self, node: fx.Node, change: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Any:
        """Return a node's outcome; ``change``: what is put in place of the tensors that depend on the input."""

        def value(read: fx.Node) -> Any:
            held = self.held[read]
            if change is None or read not in self.dependent:
                return held
            return change(held) if isinstance(held, torch.Tensor) else [change(part) for part in held]

        arguments: Any = fx.node.map_arg(node.args, value)
        settings: Any = fx.node.map_arg(node.kwargs, value)
        if node.op == "call_module":
            return self.modules[str(node.target)](*arguments, **settings)
        if is_random(known_name(node.target) or ""):
            raise InputError(f"{path_of(node)} draws random numbers: bounds are of a function")
        if node.op == "call_method":
            return getattr(arguments[0], str(node.target))(*arguments[1:], **settings)
        assert callable(node.target)
        return node.target(*arguments, **settings)

    def of_two(self) -> Callable[[torch.Tensor], Any]:
        """Return what evaluates the nodes for two other images; all that does not depend on the input stays as it is.

        Sizes of the batch too, and what they choose.
        """
        nodes, dependent = list(self._place), self.dependent
        fixed = {node: held for node, held in self.held.items() if node not in dependent}
        bare = copy.copy(self)  # which does not keep what was sent through
        bare.held = {}

        def evaluated(batch: torch.Tensor) -> Any:
            other = copy.copy(bare)
            other.held, other.batch = dict(fixed), batch
            for node in nodes:
                if node in dependent:
                    other.held[node] = batch.clone() if node.op == "placeholder" else other.evaluate(node)
            return other.of(nodes[-1].args[0])

        return evaluated

    def check_images(self, node: fx.Node, name: str, outcome: Any) -> None:
        """Raise NoRuleError where an operation puts together what belongs to different images of the batch.

        Values that are joined are replaced by the numbers of their rows, those that are summed up by one row alone;
        for the rest it does that all have as many axes, the first of which are the images.
        """
        for read in node.all_input_nodes:
            if read not in self.dependent and any(map(partial(_by_row, outcome), tensors_in(self.held[read]))):
                raise NoRuleError(f"no rule for {name} with a constant that is another for each image of a batch")
        values = [part for read in self.sources(node) for part in tensors_in(self.held[read])]
        if any(value.dim() == 0 or len(value) != len(self.batch) for value in (*values, outcome)):
            raise NoRuleError(f"no rule for {name} of what isn't a batch of images")
        # row i of the outcome is to come from row i of the inputs: seen by sending the rows' numbers through
        if name in JOINING:
            rows = self.evaluate(node, row_numbers)
            constant = rows == self.evaluate(node, lambda value: row_numbers(value) + 1)
            check_rows([torch.where(constant, row_numbers(rows), rows)], len(self.batch))
        elif name in REDUCING:
            one = self.evaluate(node, lambda value: value[:1])
            if one.shape != outcome[:1].shape or not torch.allclose(one, outcome[:1]):
                raise NoRuleError(f"no rule for {name} over the images of a batch")
        elif any(value.dim() != outcome.dim() for value in values):
            raise NoRuleError(f"no rule for {name} of tensors with different numbers of axes")

    def check_overwritten(self, node: fx.Node) -> None:
        """Refuse a node that overwrites a value that is read again later, or that belongs to the model."""
        if node.op == "call_module":
            overwrites = getattr(self.modules[str(node.target)], "inplace", False) is True
        else:
            overwrites = is_in_place(known_name(node.target) or "", tuple(node.args[1:]), dict(node.kwargs))
        first = node.args[0] if node.args else None
        if not overwrites or not isinstance(first, fx.Node) or not isinstance(self.held[first], torch.Tensor):
            return
        if first not in self.dependent:
            raise InputError(f"{path_of(node)} changes a tensor of the model itself: bounds are of a fixed function")
        memory, place = self.held[first].untyped_storage().data_ptr(), self._place[node]
        for other, held in self.held.items():
            shared = any(part.untyped_storage().data_ptr() == memory for part in tensors_in(held))
            if shared and self._last_read.get(other, -1) > place:
                raise InputError(
                    f"{path_of(node)} changes its input in place, which {other.name!r} hands on to later layers too: "
                    "have it return a new tensor"
                )
        self._gone = max(self._gone, _largest(self.held[first]))


def path_of(node: fx.Node) -> str:
    """Return where in the model a node is: a module's path, or that of the module that calls a function, and which."""
    if node.op == "call_module":
        return str(node.target)
    stack = list(node.meta.get("nn_module_stack") or ())
    return ".".join([*stack[-1:], known_name(node.target) or node.name])


def _largest(values: torch.Tensor) -> float:
    return float(values.double().abs().max()) if values.is_floating_point() and values.numel() else 0.0


def _mentioned(arguments: Any) -> list[fx.Node]:
    found: list[fx.Node] = []

    def note(read: fx.Node) -> fx.Node:
        found.append(read)
        return read

    fx.node.map_arg(arguments, note)
    return found


def _by_row(outcome: Any, constant: torch.Tensor) -> bool:
    """Return whether a constant that goes into ``outcome`` (n, ...) has a row for each image, and they differ."""
    if not isinstance(outcome, torch.Tensor) or constant.dim() != outcome.dim() or len(constant) != len(outcome):
        return False
    return not bool(((constant == constant[:1]) | (constant.isnan() & constant[:1].isnan())).all())


def row_numbers(value: torch.Tensor) -> torch.Tensor:
    """Return a tensor of the shape of ``value`` (n, ...) whose row i holds i."""
    numbers = torch.arange(len(value), dtype=torch.float64, device=value.device)
    return numbers.reshape(-1, *[1] * (value.dim() - 1)).expand(value.shape)


def tensors_in(held: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors of a node's value: itself, or those of several."""
    for part in held if isinstance(held, tuple | list) else [held]:
        if isinstance(part, torch.Tensor):
            yield part
