"""The modules that a function reaches: those that it may call, wherever Python lets it hold them."""

from collections.abc import Callable, Iterator
from functools import partial
from types import BuiltinMethodType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch

_DEPTH = 6
"""How many steps from the function: a function's cell that holds a partial of an object's method takes five."""
_LIBRARIES = ("torch", "torchvision", "numpy", "blindspots")
"""Packages whose functions are not looked into for what their code names: none of it is a model of the caller's."""
_OF_MODULES = frozenset(vars(torch.nn.Module()))
"""What every module has: parts that it says itself, and settings."""
_KEEPERS = (torch.nn.Module, list, tuple, dict, partial, MethodType, FunctionType)
"""What of a module's own attributes is looked through: a graph or a process group holds no model of the caller's."""
_PLAIN = (str, bytes, int, float, complex, type(None), torch.Tensor, type, np.ndarray)


def modules_reached(function: Callable[..., Any]) -> tuple[torch.nn.Module, ...]:
    """Return the modules that ``function`` reaches, in the order of the steps to them; parts of another are left out.

    Looked through are the objects of methods, partials, closures, defaults, attributes of objects, lists and
    dictionaries, and what a function's code names of its globals, or of a Python module among them. What it makes as
    it runs, or gets by a text, is not seen.
    """
    found: dict[int, torch.nn.Module] = {}
    seen: dict[int, Any] = {}
    level = [function]
    for _ in range(_DEPTH + 1):
        fresh = {id(value): value for value in level if id(value) not in seen}
        seen |= fresh
        found |= {key: value for key, value in fresh.items() if isinstance(value, torch.nn.Module)}
        level = [held for value in fresh.values() for held in _held(value) if not isinstance(held, _PLAIN)]
    parts = {id(part) for module in found.values() for part in module.modules() if part is not module}
    return tuple(module for key, module in found.items() if key not in parts)


def _held(value: Any) -> Iterator[Any]:
    """Yield what ``value`` holds, one step away."""
    if isinstance(value, torch.nn.Module):
        for module in value.modules():  # its parts are known to it, and what it keeps beside them is not
            beside = (held for name, held in vars(module).items() if name not in _OF_MODULES)
            yield from (held for held in beside if isinstance(held, _KEEPERS))
    elif isinstance(value, MethodType):
        yield from (value.__self__, value.__func__)
    elif isinstance(value, BuiltinMethodType):
        yield value.__self__
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, FunctionType):
        yield from _held_by_function(value)
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif not isinstance(value, ModuleType):
        yield from getattr(value, "__dict__", {}).values()
        yield from (getattr(value, name, None) for each in type(value).__mro__ for name in _slots(each))
        yield getattr(type(value), "__call__", None)  # noqa: B004


def _held_by_function(function: FunctionType) -> Iterator[Any]:
    yield from vars(function).values()  # what a decorator wraps is among them
    yield from (function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # that is filled later
            continue
    if (function.__module__ or "").partition(".")[0] in _LIBRARIES:
        return
    names = _names(function.__code__)
    for name in names & function.__globals__.keys():
        value = function.__globals__[name]
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] not in _LIBRARIES:
            yield from (vars(value)[each] for each in names & vars(value).keys())
        else:
            yield value


def _names(code: CodeType) -> set[str]:
    """Return the names that code looks up, and the code of functions within it."""
    within = (each for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*map(_names, within))


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
