"""Dropped values, and the limit of a unit's weights (Srivastava et al., 2014)."""

from collections.abc import Sequence

import torch
from torch import nn

from blindspots.networks.fully_connected import FullyConnected
from blindspots.randomness import stream


def dropped(
    network: FullyConnected, images: torch.Tensor, shares: Sequence[float], *, seed: int, step: int
) -> torch.Tensor:
    """Return the logits of ``images`` (n, ...) where of the input and of each hidden layer a share is dropped.

    What is left is scaled by ``1 / (1 - share)``, so that the network is used as it is afterwards. Seed and step alone
    decide what is dropped.
    """
    draw = torch.Generator(device=images.device).manual_seed(stream(seed, "dropout", f"{step}") >> 1)
    values = images.flatten(1)
    last = len(shares) - 1
    for place, (layer, share) in enumerate(zip(network.linears, shares, strict=True)):
        if share:
            kept = torch.rand(values.shape, generator=draw, device=values.device, dtype=values.dtype) >= share
            values = values * kept / (1 - share)
        values = layer(values)
        values = values.sigmoid() if place < last else values
    return values


@torch.no_grad()
def limit(layers: Sequence[nn.Linear], most: float) -> None:
    """Shorten the weights into every unit whose Euclidean norm is more than ``most``."""
    for layer in layers:
        layer.weight.copy_(layer.weight.renorm(2, 0, most))
