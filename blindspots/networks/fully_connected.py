"""Fully connected networks: softmax regression, and the paper's sigmoid networks (section 1)."""

from itertools import pairwise

import torch
from torch import nn


class FullyConnected(nn.Module):
    """Layers of weights with sigmoids between them, on flattened images; returns logits.

    ``sizes``: inputs, hidden units of each layer, classes; (784, 10) is the paper's FC10, (784, 100, 100, 10) its
    FC100-100-10. Takes images (n, ...) in [0, 1] with ``sizes[0]`` values each, returns (n, ``sizes[-1]``).
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        if len(sizes) < 2 or any(size < 1 for size in sizes):
            raise ValueError(f"sizes {sizes}: at least inputs and classes are wanted, each at least 1")
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.Sigmoid()]
        self.layers = nn.Sequential(*layers[:-1])

    @property
    def linears(self) -> list[nn.Linear]:
        """The layers of weights, from the input on."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, classes) of images (n, ...)."""
        logits: torch.Tensor = self.layers(images)
        return logits
