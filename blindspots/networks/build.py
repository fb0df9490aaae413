"""Networks from their description, and the weights that training begins with."""

import math

import torch
from torch import nn

from blindspots.networks.fully_connected import FullyConnected
from blindspots.randomness import generator
from blindspots.study import ModelSpec


def build_network(spec: ModelSpec, *, inputs: int, classes: int) -> FullyConnected:
    """Return the network of ``spec`` for images of ``inputs`` values; its weights are yet to be set."""
    with torch.random.fork_rng(devices=[]):  # torch draws weights that are of no use; its state stays as it was
        return FullyConnected((inputs, *spec.hidden, classes))


@torch.no_grad()
def initialise(network: FullyConnected, *, seed: int) -> None:
    """Set the weights that training begins with: normal of variance 1 / inputs, biases zero.

    With inputs in [0, 1] this keeps the sigmoids of every layer near their steepest part. The weights depend on
    ``seed``, the layer's place and its size alone: two models of one architecture begin alike, whatever their names.
    The paper does not say how its weights were drawn.
    """
    for index, layer in enumerate(network.linears):
        draw = generator(seed, "weights", f"{index}", f"{layer.in_features}x{layer.out_features}")
        weight = draw.standard_normal((layer.out_features, layer.in_features)) / math.sqrt(layer.in_features)
        layer.weight.copy_(torch.from_numpy(weight))
        nn.init.zeros_(layer.bias)
