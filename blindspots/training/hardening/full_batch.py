"""The loss of all images and all that the pools show in a round, as a function of all weights in one vector.

With the pools' weight w, the mean cross-entropies L of the images and L_k of what is shown of the pool of layer k, it
is ``(1 - w) L + w mean_k L_k``, plus decay and penalty whole. A round's pools stay as they are, so that it is one
function, which a line search can trust. For that, where a pool trains the layers above its own alone, the activations
that its changes are added to are those at the round's beginning, and stay: were they taken anew at each point, the loss
would change with weights that the gradient says nothing of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy, linear

from blindspots.networks.fully_connected import FullyConnected
from blindspots.training.curvature import StartMatrix
from blindspots.training.hardening.keeping import KeptPools
from blindspots.training.hardening.parts import activations
from blindspots.training.objective import Objective, Value
from blindspots.training.weight_vector import Shape, split

_ROWS = 2000
"""Rows of a pool that are seen together, whatever their number: in another batch a sum has other last bits."""


@dataclass(frozen=True)
class Shown:
    """What is shown of the pool of a layer during a round."""

    first: int
    """Which layer of weights ``inputs`` go into, from 0."""
    inputs: torch.Tensor
    """(m, values) flattened images, or activations, perturbed already where nothing is to be ``added``."""
    layer: int
    """To whose output the changes are added."""
    added: torch.Tensor | None
    """(m, units) the changes; the sum is clipped to [0, 1]."""
    labels: torch.Tensor
    """(m,) integers."""

    def loss(self, point: torch.Tensor, shapes: Sequence[Shape]) -> tuple[float, torch.Tensor]:
        """Return the mean cross-entropy at the weights ``point`` (p,), and its gradient (p,)."""
        total, gradient = 0.0, torch.zeros_like(point)
        for start in range(0, len(self.labels), _ROWS):
            rows = slice(start, start + _ROWS)
            with torch.enable_grad():
                at = point.detach().requires_grad_()
                losses = cross_entropy(self._logits(at, shapes, rows), self.labels[rows], reduction="none")
                gradient += torch.autograd.grad(losses.sum(), at)[0]
            total += float(losses.detach().sum(dtype=torch.float64))
        return total / len(self.labels), gradient.div_(len(self.labels))

    def _logits(self, at: torch.Tensor, shapes: Sequence[Shape], rows: slice) -> torch.Tensor:
        values, last = self.inputs[rows], len(shapes) - 1
        for place, (weight, bias) in list(enumerate(split(at, shapes)))[self.first :]:
            if place == self.layer and self.added is not None:
                values = (values + self.added[rows]).clamp(0, 1)
            values = linear(values, weight, bias)
            values = values.sigmoid() if place < last else values
        return values


def shown_of(kept: KeptPools, network: FullyConnected, layer: int) -> Shown:
    """Return what is shown of a pool in the round that begins with the weights of ``network``."""
    pool, spec = kept.pools[layer], kept.source.spec
    slots = kept.shown[layer]
    examples, values = pool.example[slots], pool.values[slots]
    images, labels = kept.source.images[examples].flatten(1), kept.source.labels[examples]
    if spec.stored == "activation":
        return Shown(layer, values, layer, None, labels)
    if layer and spec.trains == "all":
        return Shown(0, images, layer, values, labels)
    now = activations(network, images, layer)
    return Shown(layer, (now + values).clamp_(0, 1), layer, None, labels)


class MixedObjective:
    """Loss and gradient over images and pools; it curves as the images' own loss does, roughly."""

    def __init__(self, images: Objective, shown: Sequence[Shown], *, shapes: Sequence[Shape], weight: float) -> None:
        """``images``: with its share of the loss; ``weight``: that of the pools together."""
        self._images, self._shown, self._shapes, self._weight = images, shown, shapes, weight

    def __call__(self, point: torch.Tensor) -> Value:
        """Return loss and gradient at the weights ``point`` (p,); the errors are those on the images."""
        value = self._images(point)
        loss, gradient = value.loss, value.gradient
        for each in self._shown:
            more, slope = each.loss(point, self._shapes)
            loss += self._weight / len(self._shown) * more
            gradient.add_(slope, alpha=self._weight / len(self._shown))
        return Value(loss, gradient, value.errors)

    def start_matrix(self, point: torch.Tensor, iteration: int) -> StartMatrix:
        """Return an inverse of the curvature of the images' loss, whole: that of the pools is much alike."""
        return self._images.start_matrix(point, iteration)
