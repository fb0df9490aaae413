"""A fully connected network in two: what leads to the output of a layer, and what follows it."""

import torch
from torch import nn

from blindspots.networks.fully_connected import FullyConnected


def below(network: FullyConnected, layer: int) -> nn.Sequential:
    """Return the network up to the output of hidden layer ``layer``; 0 is the input, flattened. Weights are shared."""
    return nn.Sequential(*list(network.layers)[: 1 + 2 * layer])


def above(network: FullyConnected, layer: int) -> nn.Sequential:
    """Return what makes logits of the activations (n, units) of hidden layer ``layer``. Weights are shared."""
    return nn.Sequential(*list(network.layers)[1 + 2 * layer :])


def units(network: FullyConnected, layer: int) -> int:
    """Return how many values the output of a layer has, each in [0, 1]."""
    return network.linears[layer].in_features


@torch.no_grad()
def activations(network: FullyConnected, images: torch.Tensor, layer: int) -> torch.Tensor:
    """Return the outputs (n, units) of a layer for ``images`` (n, ...), without a gradient."""
    found: torch.Tensor = below(network, layer)(images)
    return found
