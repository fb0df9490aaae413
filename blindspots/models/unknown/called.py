"""Anything that can be called as a model: functions, objects, and what torch exports, compiles or scripts."""

from collections.abc import Callable
from typing import Any

import torch

from blindspots.errors import InputError

Model = torch.nn.Module | Callable[[torch.Tensor], torch.Tensor]
"""Takes images (n, ...) and returns logits (n, k)."""


class Called(torch.nn.Module):
    """A function as a module, without parameters of its own that anybody knows of."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Hold ``function``."""
        super().__init__()
        self._function = function

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Call the function."""
        return self._function(images)


def as_module(model: Any) -> torch.nn.Module:
    """Return ``model`` as a module; raise :class:`InputError` for what cannot be called.

    A module is returned as it is, an exported program as its module.
    """
    if isinstance(model, torch.nn.Module):
        return model
    if isinstance(model, torch.export.ExportedProgram):
        return model.module()
    if isinstance(model, type):
        raise InputError(
            f"the model is the class {model.__name__} itself; give an instance of it, {model.__name__}(...)"
        )
    if not callable(model):
        raise InputError(
            f"the model is a {type(model).__name__}; give a torch.nn.Module, or a function from images to logits"
        )
    return Called(model)
