"""Functions that a model calls in place of layers, such as ``F.max_pool2d``: which they are and what they stand for."""

import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from blindspots.spectral.graph.called_layers import ACTIVATIONS, BY_SHAPE, CALLS

_OPERATORS = "iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift"
IN_PLACE = frozenset(_OPERATORS.split())
"""Operators such as ``+=`` that change a tensor itself, by their names in the module ``operator``."""
_ASKING = "size dim ndimension numel nelement shape ndim device dtype is_cuda is_floating_point is_contiguous"
QUESTIONS = frozenset(_ASKING.split())
"""What is asked of a tensor without looking at its values."""
_OTHER_NAMES: dict[object, str] = {F.unfold: "im2col", F.threshold: "threshold"}
"""Of functions whose own name is that of a method of a tensor that does something else, or that no module has."""
_SPACES = (F, torch, torch.Tensor, operator, torch.special, torch._C._nn)


def known_name(target: object) -> str | None:
    """Return the name of a function of torch or of an operator; None for any other function, whatever its name."""
    if isinstance(target, str):
        return target
    if target in (torch.batch_norm, torch.instance_norm):  # with their arguments in another order than F's
        return None
    if target in _OTHER_NAMES:
        return _OTHER_NAMES[target]
    name = str(getattr(target, "__name__", ""))
    return name if any(getattr(space, name, None) is target for space in _SPACES) else None


def called_name(node: fx.Node) -> str | None:
    """Return the name of a function or method that may be known, or of what a getattr asks for."""
    if node.op == "call_module":
        return None
    return str(node.args[1]) if node.target is getattr else known_name(node.target)


def is_in_place(name: str, arguments: tuple[Any, ...], settings: dict[str, Any]) -> bool:
    """Return whether a call overwrites its input; ``arguments``: without the input."""
    if settings.get("inplace") is True or name.strip("_") in (*IN_PLACE, "setitem"):
        return True
    return (name.endswith("_") and not name.endswith("__")) or (
        name in ACTIVATIONS and any(value is True for value in arguments)
    )


def module_of(
    name: str, shape: tuple[int, ...], arguments: tuple[Any, ...], settings: dict[str, Any]
) -> nn.Module | None:
    """Return the module that does what ``name(input, *arguments, **settings)`` does, or None.

    ``shape``: of one input, without the batch; none of the arguments depends on the input. Raises NoRuleError for a
    call that no module does though others of the same function are known, TypeError for arguments that it doesn't have.
    """
    base = name.removesuffix("_")
    if base in ACTIVATIONS:
        arguments = tuple(value for value in arguments if not isinstance(value, bool))
        return ACTIVATIONS[base](*arguments, **{key: value for key, value in settings.items() if key != "inplace"})
    if base in BY_SHAPE:
        return BY_SHAPE[base](shape, *arguments, **settings)
    return CALLS[base](*arguments, **settings) if base in CALLS else None
