"""The loss of a minibatch with what hardens the network: images, pools, what is made anew, dropped values.

With the pools' weight w and the mean cross-entropies L of the images and L_k of what is shown of the pool of layer k,
the loss is ``(1 - w) L + w mean_k L_k``. So many of the pools are shown as there are images, shared out between those
whose turn it is; while none is filled, the loss is that of the images.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from blindspots.networks.fully_connected import FullyConnected
from blindspots.study.pools_spec import HardeningSpec
from blindspots.training.hardening.dropout import dropped, limit
from blindspots.training.hardening.fresh import fresh_loss
from blindspots.training.hardening.keeping import KeptPools
from blindspots.training.hardening.parts import above, activations, below
from blindspots.training.hardening.schedule import Rounds, drawn
from blindspots.training.minibatches import Memory


class Hardening:
    """What is minimised where a network has dropped values, limited weights or perturbations made anew."""

    def __init__(self, spec: HardeningSpec | None, *, seed: int) -> None:
        self._spec, self._seed = spec or HardeningSpec(), seed

    def __call__(
        self, network: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss, and the logits of the images, with dropped values where there are any."""
        assert isinstance(network, FullyConnected)
        spec = self._spec
        logits = (
            dropped(network, images, spec.dropout, seed=self._seed, step=step) if any(spec.dropout) else network(images)
        )
        loss = cross_entropy(logits, labels)
        if spec.fresh == "none" or not spec.weight:
            return loss, logits
        made = fresh_loss(network, images, labels, logits, spec=spec, seed=self._seed, step=step)
        own = 1.0 if spec.fresh == "virtual" else 1 - spec.weight  # a divergence is no loss of images of its own
        return own * loss + spec.weight * made, logits

    def after(self, network: nn.Module) -> None:
        """Limit the weights into every unit of the hidden layers."""
        assert isinstance(network, FullyConnected)
        if self._spec.max_norm:
            limit(network.linears[:-1], self._spec.max_norm)


class Mixture:
    """What is minimised where a network has pools, with what else hardens it; the pools are kept and refreshed here."""

    def __init__(self, inner: Hardening, kept: KeptPools, rounds: Rounds) -> None:
        self._inner, self.kept, self._source, self.rounds = inner, kept, kept.source, rounds

    def __call__(
        self, network: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss, and the logits of the images; a round that begins here refreshes the pools first."""
        assert isinstance(network, FullyConnected)
        number = self.rounds.begun_by(step)
        if number is not None:
            self.kept.begin(number, network)
        loss, logits = self._inner(network, images, labels, step=step)
        turn = self.kept.turn(self.rounds.of(step))
        if not turn:
            return loss, logits
        weight, count = self._source.spec.weight, max(1, len(images) // len(turn))
        losses = [self._loss(network, layer, step, count) for layer in turn]
        return (1 - weight) * loss + weight * torch.stack(losses).mean(), logits

    def after(self, network: nn.Module) -> None:
        """Do what else hardens the network."""
        self._inner.after(network)

    def memory(self) -> Memory:
        """Return all that goes from one epoch to the next, beside the optimiser's memory."""
        return self.kept.memory()

    def restore(self, memory: Memory, step: int) -> None:
        """Take over what :meth:`memory` kept, and have the groups of the round that begins with ``step`` made again."""
        number = self.rounds.begun_by(step)
        assert number is not None  # an epoch begins with a round
        self.kept.restore(memory, number)

    def ages(self, number: int) -> dict[int, float]:
        """Return the mean age of each layer's pool in a round, in rounds."""
        return self.kept.ages(number)

    def _loss(self, network: FullyConnected, layer: int, step: int, count: int) -> torch.Tensor:
        """Return the mean cross-entropy of some of a pool."""
        source, pool, shown = self._source, self.kept.pools[layer], self.kept.shown[layer]
        chosen = torch.from_numpy(drawn(source.seed, layer, step, filled=len(shown), count=count))
        slots = shown[chosen.to(shown.device)]
        examples = pool.example[slots]
        values = pool.values[slots]
        if source.spec.stored == "delta":
            images = source.images[examples]
            own = source.spec.trains == "all"
            now = below(network, layer)(images) if own else activations(network, images, layer)
            values = (now + values).clamp(0, 1)
        return cross_entropy(above(network, layer)(values), source.labels[examples])
