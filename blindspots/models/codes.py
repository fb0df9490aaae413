"""A model's features before its logits, as a network of its own."""

import torch
from torch import nn

from blindspots.errors import InputError


class LastCodes(nn.Module):
    """What the last linear layer of a model reads of images: (n, d), with their gradient.

    Raises :class:`InputError` for a model without a linear layer.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._last = [last_linear(model)]  # in a list, so that it is not a part twice

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the codes (n, d) of ``images`` (n, ...) in [0, 1]."""
        found: list[torch.Tensor] = []

        def keep(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            found.append(inputs[0])

        hook = self._last[0].register_forward_pre_hook(keep)
        try:
            self.model(images)
        finally:
            hook.remove()
        return found[0].flatten(1)


def last_linear(model: nn.Module) -> nn.Linear:
    """Return the last linear layer of a model, or raise :class:`InputError` where it has none."""
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not linears:
        raise InputError("the model has no linear layer, whose inputs would be its features; name another model")
    return linears[-1]
