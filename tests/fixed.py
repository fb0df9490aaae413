"""Networks and images that are written down, not trained: what golden numbers are taken from.

Every value is a small integer divided by a constant, so that no processor rounds it otherwise; in float64, and over a
few steps, what is computed from them differs between processors by less than 1e-10 of itself.
"""

import numpy as np
import torch

from blindspots.networks.fully_connected import FullyConnected

CLASSES = 10
SHAPE = (1, 8, 8)


def integers(key: int, *shape: int, low: int, high: int) -> np.ndarray:
    """Return integers from ``low`` to ``high``, both included, the same for ever."""
    return np.random.Generator(np.random.Philox(key=key)).integers(low, high, shape, endpoint=True)


def fixed_images(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images (count, 1, 8, 8) around ten prototypes, float64, two thirds of the values 0, and their classes."""
    labels = np.arange(count) % CLASSES
    prototypes = integers(1, CLASSES, 64, low=0, high=255) * (integers(2, CLASSES, 64, low=0, high=255) < 70)
    change = integers(3, count, 64, low=-60, high=60) * (integers(4, count, 64, low=0, high=255) < 50)
    pixels = (prototypes[labels] + change).clip(0, 255)
    return torch.from_numpy(pixels / 255).reshape(count, *SHAPE), torch.from_numpy(labels)


@torch.no_grad()
def fixed_network(*hidden: int) -> FullyConnected:
    """Return a sigmoid network (64, \\*hidden, 10), float64, whose weights are given."""
    network = FullyConnected((64, *hidden, CLASSES)).double().eval()
    for index, layer in enumerate(network.linears):
        outputs, inputs = layer.weight.shape
        weight = integers(10 + index, outputs, inputs, low=-256, high=256) / 128
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(integers(20 + index, outputs, low=-64, high=64) / 128))
    return network.requires_grad_(False)


def labels_read(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return what ``network`` reads in ``images`` as their labels, but for every eighth, which it misreads."""
    labels = network(images).argmax(1)
    return torch.where(torch.arange(len(labels)) % 8 == 0, (labels + 1) % CLASSES, labels)
