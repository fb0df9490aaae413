"""The tensors that a model computes with: parameters, buffers, and those that plain attributes of its modules hold."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn


def own_tensors(model: nn.Module) -> Iterator[torch.Tensor]:
    """Yield a model's floating-point tensors: parameters, then buffers, then those in plain attributes."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            yield tensor
    for module in model.modules():
        for value in _plain(module).values():
            yield from _held(value)


def replace_plain(model: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Put what ``change`` makes of them in place of the tensors that plain attributes hold, in lists and the like."""
    for module in model.modules():
        for name, value in _plain(module).items():
            if _held(value):
                vars(module)[name] = _replaced(value, change)


_REGISTERED = frozenset(("_parameters", "_buffers", "_modules"))


def _plain(module: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if name not in _REGISTERED}


def _held(value: Any) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    _replaced(value, found.append)
    return found


def _replaced(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    if isinstance(value, torch.Tensor):
        return change(value) if value.is_floating_point() else value
    if type(value) in (list, tuple):
        return type(value)(_replaced(each, change) for each in value)
    return {key: _replaced(each, change) for key, each in value.items()} if type(value) is dict else value
