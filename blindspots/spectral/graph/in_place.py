"""Stand-ins for tensors that record ``x += y`` as what it is: a change of the tensor itself, under all its names."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from blindspots.spectral.graph.functional import IN_PLACE


class StandIn(fx.Proxy):
    """As torch.fx has it, which has no operators in place: to it ``x += y`` is ``x = x + y``.

    Of a tensor with another name, or of which there is a view, that is another function.
    """

    def __getattr__(self, name: str) -> "StandInAttribute":
        """Return the stand-in for an attribute, which may be changed in place as well."""
        return StandInAttribute(self, name)


class StandInAttribute(fx.proxy.Attribute):
    """The same for an attribute of a tensor, such as ``x.T``."""

    def __getattr__(self, name: str) -> "StandInAttribute":
        """Return the stand-in for an attribute of the attribute."""
        return StandInAttribute(self, name)


def _recorded(name: str) -> Callable[[fx.Proxy, Any], fx.Proxy]:
    change = getattr(operator, name)

    def record(self: fx.Proxy, other: Any) -> fx.Proxy:
        made: fx.Proxy = self.tracer.create_proxy("call_function", change, (self, other), {})
        return made

    return record


for _name in IN_PLACE:
    _dunder = f"__{_name}__"
    if hasattr(torch.Tensor, _dunder):  # the others make a new tensor
        for _kind in (StandIn, StandInAttribute):
            setattr(_kind, _dunder, _recorded(_name))
