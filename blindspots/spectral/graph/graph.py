"""Anyone's model, taken apart into layers whose bounds are known and what happens to values between them."""

import inspect
import threading
from dataclasses import replace
from typing import Any

import torch
from torch import fx, nn
from torch.nn.modules.module import _global_forward_hooks, _global_forward_pre_hooks
from torch.nn.utils import parametrize

from blindspots.arguments import of_numpy_too
from blindspots.device import raise_if_full
from blindspots.errors import InputError
from blindspots.models.classifier import undisturbed
from blindspots.spectral.graph.functional import known_name
from blindspots.spectral.graph.in_place import StandIn
from blindspots.spectral.graph.layers import Graph, Layer
from blindspots.spectral.graph.node_values import NodeValues
from blindspots.spectral.graph.own_tensors import own_tensors
from blindspots.spectral.graph.walk import Walk
from blindspots.spectral.rules.layer_inputs import checked_shape
from blindspots.spectral.rules.rules import RULES

__all__ = ["Graph", "Layer", "trace"]

_BATCH = 2
"""Images that are sent through the model."""
_UNITS = 256
"""The graph does what the model does, in the same order: what it returns may be so many units of rounding apart."""


@of_numpy_too
def trace(model: nn.Module, input_shape: tuple[int, ...]) -> Graph:
    """Return the graph of ``model`` in evaluation mode for inputs of ``input_shape``, the batch left out.

    By torch.fx, with a batch of two sent through. Layers are torch's own modules and those that have a rule
    (:data:`.RULES`); calls of functions become the modules they stand for. What no rule is
    known for is a layer without a module, which :func:`blindspots.spectral.network.bound_layer` refuses.

    The model's mode, statistics and gradients stay as they are. The graph's layers are the model's own, but for those
    that stand for functions or for two layers and those with a constant that the dtype decides. A model whose forward
    pass was replaced, or whose class has a call of its own, is followed from there on, as the layer "0".

    Raises :class:`InputError` for a shape that the model doesn't take, for a model that torch.fx can't follow, for
    hooks and for tensors changed in place that are used again, which are not in the graph, for a model that returns
    anything else than its graph does or that answers an image otherwise in another batch, and for parts that stay in
    training mode when the model is put in evaluation mode.
    """
    shape = checked_shape(input_shape)
    if not isinstance(model, nn.Module):
        raise InputError(f"the model is a {type(model).__name__}; give a torch.nn.Module")
    for name, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            raise InputError(f"{name or 'the model'} has forward hooks, which can change what it returns: remove them")
    if _global_forward_hooks or _global_forward_pre_hooks:
        raise InputError("torch has global forward hooks, which can change what any layer returns: remove them")
    like = next(own_tensors(model), torch.zeros(()))
    tracer = _Tracer()
    root = nn.Sequential(model) if tracer.is_leaf_module(model, "") or _is_called_otherwise(model) else model
    with undisturbed(model, like.device), torch.no_grad():
        for name, module in model.named_modules():
            if module.training:
                raise InputError(f"{name or 'the model'} stays in training mode where the model is set to evaluation")
        nodes = tracer.followed(root)
        random = torch.Generator().manual_seed(0)
        batch = torch.rand(_BATCH, *shape, generator=random, dtype=torch.float64, device="cpu")
        batch = batch.to(like.device, like.dtype)
        walk = Walk(NodeValues(root, nodes, batch, tracer.made))
        outcome = walk.through(nodes)
        _check_same(outcome, root(batch.clone()))
        largest = walk.values.largest()
        if walk.asked:
            _check_alone(outcome, root, batch, largest)
            third = torch.rand(1, *shape, generator=random, dtype=torch.float64, device="cpu").to(batch)
            _check_larger(walk, root, nodes, torch.cat([batch, third]))
    return Graph(tuple(walk.layers), tuple(walk.steps), shape, largest, walk.values.of_two())


def _is_called_otherwise(model: nn.Module) -> bool:
    """Return whether a call of the model runs anything but its class's forward pass, which torch.fx starts from."""
    if any(name in vars(model) for name in _CALLING):
        return True
    for kind in type(model).__mro__:
        for name in _CALLING[1:]:
            found = vars(kind).get(name)
            # torch.fx gives each of its own modules a call that says where an error was
            if kind is not nn.Module and found is not None and found.__module__ != fx.graph_module.__name__:
                return True
    return False


_CALLING = ("forward", "__call__", "_wrapped_call_impl", "_call_impl")
"""What a call of a module runs through."""
_FOLLOWING = threading.Lock()
"""While torch.fx follows a pass it has put its own ``nn.Module.__call__`` in place of torch's, for all threads."""
_OTHERWISE = "the model answers an image otherwise in another batch: bounds are of a function of one image"


class _Tracer(fx.Tracer):
    """Follows calls into every module that isn't a layer by itself, and notes in which of them it is."""

    proxy_buffer_attributes = True  # what is done with buffers is done later, if at all

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.made: dict[str, torch.Tensor] = {}
        """Tensors that the pass itself makes, by the names that nodes read them by."""
        self._thread = threading.get_ident()

    def followed(self, root: nn.Module) -> list[fx.Node]:
        """Return the nodes of ``root``'s forward pass; raises InputError where it can't be followed.

        Tensors that the pass makes, which torch.fx leaves in ``root``, are kept in ``made`` instead. Stand-ins for
        tensors that the pass itself leaves in a module are taken away as well.
        """
        try:
            with _FOLLOWING:
                before = [(vars(module), dict(vars(module))) for module in root.modules()]
                try:
                    nodes = list(self.trace(root).nodes)
                finally:
                    now, then = before[0]  # the root's
                    self.made = {name: now.pop(name) for name in now.keys() - then.keys()}
                    _take_stand_ins(before)
        except Exception as error:  # whatever a forward pass raises when it is given stand-ins for tensors
            where = f"{self.inside[-1]!r}" if self.inside else "the model"
            kind = type(root.get_submodule(self.inside[-1]) if self.inside else root).__name__
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"torch.fx can't follow the forward pass of {where} ({kind}): {reason}. Write it without choices that "
                "depend on its input, or as a module that blindspots.spectral.rules.rules.RULES has a rule for"
            ) from error
        self.inside.clear()
        for node in nodes:  # an input by its name is the first argument, as what is known of calls has it
            if not node.args and "input" in node.kwargs and _takes_input_first(root, node):
                node.args, node.kwargs = (node.kwargs["input"],), {k: v for k, v in node.kwargs.items() if k != "input"}
        return nodes

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """A module with a rule, and any other of torch's own that isn't a container."""
        kind = parametrize.type_before_parametrizations(m)
        return kind in RULES or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """As fx does it; where that fails, ``inside`` names the module. Other threads' calls stay calls."""
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        self.inside.append(self.path_of_module(m))
        result = super().call_module(m, forward, args, kwargs)
        self.inside.pop()
        return result

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """Return what stands for a node's value: changes in place are recorded as such."""
        return StandIn(node, self)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """As fx does it, in the thread that is followed."""
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def _takes_input_first(root: nn.Module, node: fx.Node) -> bool:
    """Return whether what a node calls is known to have ``input`` as its first argument."""
    if node.op == "call_module":
        return next(iter(inspect.signature(root.get_submodule(str(node.target)).forward).parameters), "") == "input"
    return node.op == "call_function" and known_name(node.target) is not None


def _take_stand_ins(before: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Put back what modules' attributes were ``before``, now and then, where they are stand-ins of torch.fx."""
    for now, then in before:
        for name in [name for name, value in now.items() if isinstance(value, fx.Proxy)]:
            if name in then:
                now[name] = then[name]
            else:
                del now[name]


def _check_same(outcome: Any, real: Any) -> None:
    """Refuse a graph that doesn't compute what the model does, as where ``x += y`` changes a tensor with two names."""
    if not isinstance(real, torch.Tensor) or not isinstance(outcome, torch.Tensor):
        raise InputError(f"the model returns a {type(real).__name__}; a bound is of one tensor")
    if not torch.isfinite(real).all():
        return  # some weight isn't finite, and its layer's rule can say which
    room = _UNITS * torch.finfo(real.dtype).eps * float(real.abs().max()) if real.is_floating_point() else 0.0
    same = outcome.shape == real.shape and outcome.dtype == real.dtype
    if not same or not torch.allclose(outcome.double(), real.double(), rtol=0, atol=room):
        raise InputError(
            "the model returns something else than its graph as torch.fx sees it: it changes a tensor in place that is "
            "used again under another name, draws random numbers, or computes in another dtype (autocast)"
        )


def _check_alone(outcome: torch.Tensor, root: nn.Module, batch: torch.Tensor, largest: float) -> None:
    """Refuse a model that asks for sizes and answers an image otherwise when it comes alone: by the batch's size.

    ``largest``: of all values on the way, of which sums may all but cancel.
    """
    try:
        alone = root(batch[:1].clone())
    except Exception as error:  # it takes no such batch, and so can't be wrong about one
        raise_if_full(error)
        return
    if not isinstance(alone, torch.Tensor) or alone.shape != outcome[:1].shape or not torch.isfinite(outcome).all():
        return
    # sums are taken in another order for another size of the batch, and layers amplify what that rounds otherwise
    room = torch.finfo(outcome.dtype).eps ** 0.5 * largest
    if not torch.allclose(alone.double(), outcome[:1].double(), rtol=0, atol=room):
        raise InputError(_OTHERWISE)


def _check_larger(walk: Walk, root: nn.Module, nodes: list[fx.Node], batch: torch.Tensor) -> None:
    """Refuse a model that asks for sizes and has other steps or layers for a ``batch`` of more images.

    However little of it shows in what it returns.
    """
    other = Walk(NodeValues(root, nodes, batch, walk.values.made))
    try:
        other.through(nodes)
    except InputError:  # it takes no such batch
        return
    same = len(walk.layers) == len(other.layers) and all(map(_is_same, walk.layers, other.layers))
    if walk.steps != other.steps or not same:
        raise InputError(_OTHERWISE)


def _is_same(first: Layer, second: Layer) -> bool:
    """Return whether two layers are one, or stand for calls with the same arguments."""
    if first.module is second.module:
        return replace(first, folded=None) == replace(second, folded=None)
    if first.module is None or second.module is None or repr(first.module) != repr(second.module):
        return False
    own, others = first.module.state_dict(), second.module.state_dict()
    return own.keys() == others.keys() and all(
        torch.equal(values.nan_to_num(), others[name].nan_to_num()) for name, values in own.items()
    )
