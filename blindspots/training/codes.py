"""The sparse autoencoder below AE400-10, and the network that its codes make.

The paper leaves both to its references: one hidden layer of sigmoid codes whose mean activation is drawn to a small
value, trained without labels, then frozen; a softmax on the codes.
"""

import math

import torch

from blindspots.device import BATCH, rows_at_once
from blindspots.networks.fully_connected import FullyConnected
from blindspots.randomness import generator
from blindspots.study.training_spec import AutoencoderSpec
from blindspots.training.autoencoder_objective import AutoencoderObjective

Weights = dict[str, torch.Tensor]
_NAMES = ("encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias")


def initial_autoencoder(inputs: int, codes: int, *, seed: int, initial: int, device: torch.device) -> Weights:
    """Return the weights that the autoencoder begins with: normal, variance 1 / inputs of a layer, biases 0."""
    again = (f"initial-{initial}",) if initial else ()
    found: Weights = {}
    for layer, (width, fan) in {"encoder": (codes, inputs), "decoder": (inputs, codes)}.items():
        draw = generator(seed, "autoencoder", layer, f"{fan}x{width}", *again)
        weight = torch.from_numpy(draw.standard_normal((width, fan)) / math.sqrt(fan)).float()
        found[f"{layer}.weight"], found[f"{layer}.bias"] = weight.to(device), torch.zeros(width, device=device)
    return found


def autoencoder_objective(images: torch.Tensor, codes: int, spec: AutoencoderSpec) -> AutoencoderObjective:
    """Return what the autoencoder minimises on ``images`` (n, ...)."""
    return AutoencoderObjective(
        images.flatten(1), codes=codes, decay=spec.decay, sparsity=spec.sparsity, weight=spec.weight
    )


def as_vector(weights: Weights) -> torch.Tensor:
    """Return an autoencoder's weights and biases in one vector, as its objective takes them."""
    return torch.cat([weights[name].reshape(-1) for name in _NAMES])


def from_one_vector(vector: torch.Tensor, like: Weights) -> Weights:
    """Return the weights that :func:`as_vector` put into ``vector``."""
    parts = torch.split(vector, [like[name].numel() for name in _NAMES])
    return {name: part.reshape(like[name].shape).clone() for name, part in zip(_NAMES, parts, strict=True)}


@torch.no_grad()
def put_below(network: FullyConnected, autoencoder: Weights) -> None:
    """Make the autoencoder's encoder the first layer of ``network``."""
    network.linears[0].weight.copy_(autoencoder["encoder.weight"])
    network.linears[0].bias.copy_(autoencoder["encoder.bias"])


@torch.no_grad()
def codes_of(network: FullyConnected, images: torch.Tensor) -> torch.Tensor:
    """Return the activations (n, codes) of the network's first layer."""
    first = network.linears[0]
    rows = images.flatten(1)
    at_once = rows_at_once(rows.shape[1], most=2 * BATCH)
    return torch.cat([first(some).sigmoid_() for some in torch.split(rows, at_once)])


def softmax_on_codes(network: FullyConnected) -> FullyConnected:
    """Return the layers above the codes as a network of its own, which shares their weights."""
    above = FullyConnected((network.linears[0].out_features, *(layer.out_features for layer in network.linears[1:])))
    for own, layer in zip(above.linears, network.linears[1:], strict=True):
        own.weight, own.bias = layer.weight, layer.bias
    return above
