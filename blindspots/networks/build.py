"""Networks from their description, and the weights that training begins with."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from blindspots.networks.convolutional import Convolutional
from blindspots.networks.fully_connected import FullyConnected
from blindspots.networks.offered import named_network
from blindspots.randomness import generator
from blindspots.study.model_spec import GIVEN, ModelSpec


def network_for(spec: ModelSpec, *, shape: tuple[int, ...], classes: int, packages: Sequence[str] = ()) -> nn.Module:
    """Return the network of a model, trained or given, for images of ``shape``; its weights are yet to be set.

    ``packages``: those whose functions a study may name as networks, a setting of the run. Raises :class:`InputError`
    for a name that :func:`~blindspots.networks.offered.named_network` does not make a network of.
    """
    if spec.network != GIVEN:
        return build_network(spec, shape=shape, classes=classes)
    assert spec.given is not None  # for the type checker: a study sees to it
    with torch.random.fork_rng(devices=[]):
        return named_network(spec.given.network, classes=classes, packages=packages)


def build_network(spec: ModelSpec, *, shape: tuple[int, ...], classes: int) -> FullyConnected | Convolutional:
    """Return the network that ``spec`` describes for images of ``shape``; its weights are yet to be set.

    An autoencoder's network is its encoder with a softmax on the codes: fully connected. Raises ``ValueError`` for a
    network that has a name instead.
    """
    if spec.network == GIVEN:
        raise ValueError(f"{spec.name} names its network and describes none; network_for makes it")
    with torch.random.fork_rng(devices=[]):  # torch draws weights that are of no use; its state stays as it was
        if spec.network == "convolutional":
            return Convolutional(shape, spec.channels, spec.hidden, classes)
        return FullyConnected((math.prod(shape), *spec.hidden, classes))


def layers_of_weights(network: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    """Return a network's layers of weights, from the input on."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]


@torch.no_grad()
def initialise(network: nn.Module, *, seed: int, initial: int = 0) -> None:
    """Set the weights that training begins with: normal, biases zero.

    Variance 1 / inputs: with inputs in [0, 1] this keeps the sigmoids of every layer near their steepest part. Twice
    that in convolutional networks, whose rectification halves it (He et al., 2015). The weights depend on ``seed``,
    ``initial``, the layer's place and its size alone: two models of one architecture begin alike, whatever their names.
    The paper does not say how its weights were drawn.
    """
    gain = 2.0 if isinstance(network, Convolutional) else 1.0
    for index, layer in enumerate(layers_of_weights(network)):
        outputs, inputs = len(layer.weight), layer.weight[0].numel()
        again = (f"initial-{initial}",) if initial else ()
        draw = generator(seed, "weights", f"{index}", f"{inputs}x{outputs}", *again)
        weight = draw.standard_normal((outputs, inputs)) * math.sqrt(gain / inputs)
        layer.weight.copy_(torch.from_numpy(weight).view_as(layer.weight))
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
