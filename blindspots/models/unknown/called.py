"""Anything that can be called as a model: functions, objects, and what torch exports, compiles or scripts."""

from collections.abc import Callable
from typing import Any

import torch

from blindspots.errors import InputError
from blindspots.models.layers import layers
from blindspots.models.unknown.reached import modules_reached

Model = torch.nn.Module | Callable[[torch.Tensor], torch.Tensor]
"""Takes images (n, ...) and returns logits (n, k)."""


class Called(torch.nn.Module):
    """A function as a module, whose parts are the modules that it reaches: they have a mode and buffers to keep."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Hold ``function``."""
        super().__init__()
        self._function = function
        self.reached = torch.nn.ModuleList(modules_reached(function))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Call the function."""
        return self._function(images)


def as_module(model: Any) -> torch.nn.Module:
    """Return ``model`` as a module; raise :class:`InputError` for what cannot be called.

    A module that knows all its parts is returned as it is, an exported program as its module.
    """
    if isinstance(model, torch.nn.Module):
        # some keep networks where torch does not look for parts, such as in a list
        return model if layers(model) or modules_reached(model) == (model,) else Called(model)
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
