"""A derivative that is not its own function's."""

from typing import Any

import torch


class Spoilt(torch.autograd.Function):
    """Images as they are, with ``factor`` times their derivative."""

    @staticmethod
    def forward(ctx: Any, images: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return images.clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.factor * gradient, None
