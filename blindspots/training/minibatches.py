"""Seeded minibatch Adam: how convolutional networks are trained, and how others may be begun."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from blindspots.networks.build import layers_of_weights
from blindspots.randomness import generator
from blindspots.study.training_spec import AdamSpec
from blindspots.training.lbfgs import DivergedError
from blindspots.training.penalty import Chain, Directions, chain

_NOTHING = 1e-12  # decay drives unused weights into subnormal numbers, which slow every product tenfold

_DIRECTIONS = "penalty:"

Memory = dict[str, torch.Tensor]
"""Adam's moments and its count of steps, by parameter; with a penalty, the layers' singular vectors."""


class BatchLoss(Protocol):
    """What is minimised over a minibatch, where that is more than the mean cross-entropy of its images."""

    def __call__(
        self, network: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss, and the logits (n, k) of ``images`` (n, ...), before the minibatch ``step``, from 0."""
        ...

    def after(self, network: nn.Module) -> None:
        """Do what is done to the weights after a minibatch's step."""
        ...


class CrossEntropy:
    """The mean cross-entropy alone."""

    def __call__(
        self, network: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss, and the logits."""
        logits = network(images)
        return nn.functional.cross_entropy(logits, labels), logits

    def after(self, network: nn.Module) -> None:
        """Leave the weights as they are."""


@dataclass(frozen=True)
class Epoch:
    """Where a training stands after an epoch."""

    number: int
    """Epochs so far."""
    loss: float
    """Mean of the minibatches' losses over the epoch, plus weight decay and penalty at its end."""
    error: float
    """Share of the images that were misread when their minibatch came."""
    steps: int
    """Minibatches so far."""
    memory: Memory


def epochs(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    decay: Sequence[float],
    adam: AdamSpec,
    count: int,
    seed: int,
    done: int = 0,
    memory: Memory | None = None,
    penalty: float = 0.0,
    objective: BatchLoss | None = None,
) -> Iterator[Epoch]:
    """Train ``network`` in place and yield after each epoch from ``done`` on, up to ``count``.

    ``images``: (n, ...); ``labels``: (n,); ``decay``: the factor of each layer's half sum of squares; biases are free.
    The order of an epoch's images depends on ``seed`` and the epoch alone, and ``memory`` is all that Adam carries on:
    so a training that goes on from an epoch ends with the same weights as one that was never stopped. ``penalty``: the
    strength of that on the layers' bounds, see :mod:`blindspots.training.penalty`. ``objective``: what is minimised
    over a minibatch, :class:`CrossEntropy` where nothing is said. Raises :class:`DivergedError` where the loss is not
    finite.
    """
    objective = objective or CrossEntropy()
    layers = layers_of_weights(network)
    groups = [{"params": [layer.weight], "weight_decay": value} for layer, value in zip(layers, decay, strict=True)]
    groups.append({"params": [layer.bias for layer in layers], "weight_decay": 0.0})
    optimiser = torch.optim.Adam(groups, lr=adam.rate)
    names = dict(network.named_parameters())
    if memory:
        for name, parameter in names.items():
            own = {key.partition(":") for key in memory if key.startswith(f"{name}:")}
            optimiser.state[parameter] = {field: memory[f"{name}:{field}"].clone() for _, _, field in own}
    operators, directions = _penalised(network, images, memory or {}) if penalty else (None, {})
    n = len(images)
    batches = -(-n // adam.batch)
    network.train()
    for epoch in range(done, count):
        order = torch.from_numpy(generator(seed, "minibatches", index=epoch).permutation(n)).to(images.device)
        total, errors = torch.zeros((), dtype=torch.float64, device=images.device), torch.zeros_like(labels[0])
        for index, chosen in enumerate(torch.split(order, adam.batch)):
            rate = _rate(epoch * batches + index, batches, count)
            for group in optimiser.param_groups:
                group["lr"] = adam.rate * rate
            optimiser.zero_grad()
            loss, logits = objective(network, images[chosen], labels[chosen], step=epoch * batches + index)
            whole = loss
            if operators:
                directions = operators.followed(directions)
                whole = loss + penalty * operators.log_bound(directions)
            torch.autograd.backward(whole)
            optimiser.step()
            objective.after(network)
            total += loss.detach().double() * len(chosen)
            errors += (logits.argmax(dim=1) != labels[chosen]).sum()
        squares = sum(
            value / 2 * float(layer.weight.detach().double().square().sum())
            for value, layer in zip(decay, layers, strict=True)
        )
        mean = float(total) / n + squares
        if operators:
            mean += penalty * float(operators.log_bound(directions).detach())
        if not math.isfinite(mean):
            raise DivergedError(f"the loss is {mean} in epoch {epoch + 1} of Adam at the rate {adam.rate}")
        with torch.no_grad():
            for layer in layers:
                layer.weight.masked_fill_(layer.weight.abs() < _NOTHING, 0)
        kept = {
            f"{name}:{field}": value.clone()
            for name, parameter in names.items()
            for field, value in optimiser.state[parameter].items()
        }
        kept |= {f"{_DIRECTIONS}{place}": direction for place, direction in directions.items()}
        yield Epoch(epoch + 1, mean, int(errors) / n, (epoch + 1) * batches, kept)


def _penalised(
    network: nn.Module, images: torch.Tensor, memory: Mapping[str, torch.Tensor]
) -> tuple[Chain, Directions]:
    """Return a network's layers as operators, and their singular vectors: those in the memory, if there are any."""
    operators = chain(network, tuple(images.shape[1:]))
    kept = {key.removeprefix(_DIRECTIONS): value for key, value in memory.items() if key.startswith(_DIRECTIONS)}
    return operators, {place: value.to(images.device) for place, value in kept.items()} or operators.start()


def _rate(step: int, batches: int, epochs: int) -> float:
    """Return the share of the peak rate at a step: rising over the first epoch, then falling by a cosine to 0."""
    if step < batches:
        return (step + 1) / batches
    return 0.5 * (1 + math.cos(math.pi * (step - batches) / max(1, (epochs - 1) * batches)))
