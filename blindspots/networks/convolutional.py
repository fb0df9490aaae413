"""Convolutional networks for small pictures: what the paper lacks for MNIST ("we do not have results ... yet")."""

from itertools import pairwise

import torch
from torch import nn

_KERNEL, _STRIDE = 5, 2


class Convolutional(nn.Module):
    """Convolutions of 5 x 5 at stride 2, then fully connected layers, with rectification between them; logits.

    ``shape``: channels, height and width of an image; ``channels``: of each convolution, which halves height and width;
    ``hidden``: units of each fully connected layer; ``classes``: how many logits. A stride in place of pooling keeps
    every layer linear but for the rectification, so that each one's norm is that of a convolution.
    """

    def __init__(
        self, shape: tuple[int, ...], channels: tuple[int, ...], hidden: tuple[int, ...], classes: int
    ) -> None:
        super().__init__()
        if len(shape) != 3 or not channels:
            raise ValueError(f"images {shape} and channels {channels}: (channels, height, width) and some are wanted")
        depth, height, width = shape
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((depth, *channels)):
            layers += [nn.Conv2d(inputs, outputs, _KERNEL, stride=_STRIDE, padding=_KERNEL // 2), nn.ReLU()]
            height, width = -(-height // _STRIDE), -(-width // _STRIDE)
        layers.append(nn.Flatten())
        for inputs, outputs in pairwise((channels[-1] * height * width, *hidden, classes)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, classes) of images (n, channels, height, width)."""
        logits: torch.Tensor = self.layers(images)
        return logits
