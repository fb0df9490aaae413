"""What training minimises: mean cross-entropy over all images plus weight decay, with its gradient.

Forward and backward pass are written out and fused over chunks of rows, so that a chunk's activations stay in the
processor's cache; a sigmoid's derivative comes from its value. Pixels that are zero in every image are left out of the
first layer's products, exactly: their weights have no gradient but the decay's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from blindspots.networks.fully_connected import FullyConnected

_ROWS = 1200


@dataclass(frozen=True)
class Value:
    """The objective at one point."""

    loss: float
    """Mean cross-entropy plus weight decay."""
    gradient: torch.Tensor
    """(p,) like the point."""
    errors: int
    """Images misread."""


class Objective:
    """Loss and gradient of a fully connected network as a function of its weights in one vector.

    ``images``: (n, ...) in [0, 1]; ``labels``: (n,) integers. ``decay``: one value a layer of weights; ``form``:
    "half-squares" adds ``decay / 2 * sum(w ** 2)``, which reproduces the paper's errors; "per-unit" adds
    ``decay * sum(w ** 2) / units``, as printed (slip 2). Biases are free.
    """

    def __init__(
        self,
        network: FullyConnected,
        images: torch.Tensor,
        labels: torch.Tensor,
        *,
        decay: Sequence[float],
        form: str = "half-squares",
    ) -> None:
        linears = network.linears
        if len(decay) != len(linears):
            raise ValueError(f"{len(decay)} decays do not fit {len(linears)} layers of weights")
        if form not in ("half-squares", "per-unit"):
            raise ValueError(f"the form of decay {form!r} is neither half-squares nor per-unit")
        rows = images.flatten(1)
        if len(rows) != len(labels) or rows.shape[1] != linears[0].in_features or not len(rows):
            raise ValueError(f"images {tuple(images.shape)} and {len(labels)} labels do not fit the network")
        self._shapes = [tuple(layer.weight.shape) for layer in linears]
        self._factors = [
            value if form == "half-squares" else 2 * value / layer.out_features
            for value, layer in zip(decay, linears, strict=True)
        ]
        live = rows.any(dim=0)
        self._live = None if bool(live.all()) else live.nonzero()[:, 0]
        self._rows = rows.contiguous() if self._live is None else rows[:, self._live].contiguous()
        self._labels = labels

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(self._rows)

    def __call__(self, point: torch.Tensor) -> Value:
        """Return loss, gradient and errors at the weights ``point``, in the order of :func:`to_vector`."""
        layers = list(self._split(point))
        gradient = torch.zeros_like(point)
        slopes = list(self._split(gradient))
        weights = [weight for weight, _ in layers]
        sums = [slope for slope, _ in slopes]
        if self._live is not None:
            weights[0] = weights[0][:, self._live].contiguous()
            sums[0] = torch.zeros_like(weights[0])
        loss, errors, n = torch.zeros((), dtype=torch.float64, device=point.device), 0, self.images
        for start in range(0, n, _ROWS):
            activations = [self._rows[start : start + _ROWS]]
            for (_, bias), weight in zip(layers[:-1], weights[:-1], strict=True):
                activations.append(torch.addmm(bias, activations[-1], weight.t()).sigmoid_())
            logits = torch.addmm(layers[-1][1], activations[-1], weights[-1].t())
            labels = self._labels[start : start + _ROWS, None]
            logs = torch.log_softmax(logits, dim=1)
            loss -= logs.gather(1, labels).double().sum()
            errors += int((logits.argmax(dim=1) != labels[:, 0]).sum())
            delta = logs.exp_()
            delta.scatter_add_(1, labels, torch.full_like(labels, -1, dtype=delta.dtype)).div_(n)
            for index in reversed(range(len(layers))):
                sums[index].addmm_(delta.t(), activations[index])
                slopes[index][1].add_(delta.sum(dim=0))
                if index:
                    below = activations[index]
                    delta = torch.mm(delta, weights[index]).mul_(below).mul_(1 - below)
        if self._live is not None:
            slopes[0][0][:, self._live] = sums[0]
        total = float(loss) / n
        for (weight, _), (slope, _), factor in zip(layers, slopes, self._factors, strict=True):
            total += factor / 2 * float(weight.double().square().sum())
            slope.add_(weight, alpha=factor)
        return Value(total, gradient, errors)

    def _split(self, vector: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield views of every layer's weights and biases in ``vector``."""
        start = 0
        for outputs, inputs in self._shapes:
            middle = start + outputs * inputs
            yield vector[start:middle].view(outputs, inputs), vector[middle : middle + outputs]
            start = middle + outputs


def to_vector(network: FullyConnected) -> torch.Tensor:
    """Return all weights and biases of a network in one vector, layer by layer."""
    parts = [part.detach().reshape(-1) for layer in network.linears for part in (layer.weight, layer.bias)]
    return torch.cat(parts)


@torch.no_grad()
def from_vector(network: FullyConnected, vector: torch.Tensor) -> None:
    """Set the weights and biases of a network from the vector that :func:`to_vector` gave."""
    start = 0
    for layer in network.linears:
        for part in (layer.weight, layer.bias):
            part.copy_(vector[start : start + part.numel()].view_as(part))
            start += part.numel()
