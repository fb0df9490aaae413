"""The loss of a minibatch with what hardens the network: images, pools, what is made anew, dropped values.

With the pools' weight w and the mean cross-entropies L of the images and L_k of what is shown of the pool of layer k,
the loss is ``(1 - w) L + w mean_k L_k``. So many of the pools are shown as there are images, shared out between those
whose turn it is; while none is filled, the loss is that of the images.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from blindspots.networks.fully_connected import FullyConnected
from blindspots.study.pools_spec import HardeningSpec
from blindspots.training.hardening.dropout import dropped, limit
from blindspots.training.hardening.fresh import fresh_loss
from blindspots.training.hardening.parts import above, activations, below, units
from blindspots.training.hardening.pool import Pool
from blindspots.training.hardening.refreshing import Refresher, Source, Weights
from blindspots.training.hardening.schedule import Rounds, drawn
from blindspots.training.minibatches import Memory

_POOL, _BEFORE = "pool:", "before:"


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

    def __init__(
        self, inner: Hardening, source: Source, refresher: Refresher, network: FullyConnected, rounds: Rounds
    ) -> None:
        self._inner, self._source, self._refresher, self.rounds = inner, source, refresher, rounds
        self.pools = {
            layer: Pool.empty(source.spec.size, units(network, layer), source.images) for layer in source.spec.layers
        }
        self._shown = {layer: pool.shown for layer, pool in self.pools.items()}
        self._before: Weights = {}
        """The weights at the beginning of the round under way, which the next one's groups are made from."""

    def __call__(
        self, network: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss, and the logits of the images; a round that begins here refreshes the pools first."""
        assert isinstance(network, FullyConnected)
        number = self.rounds.begun_by(step)
        if number is not None:
            self._refresh(number, network)
        loss, logits = self._inner(network, images, labels, step=step)
        turn = [layer for layer in self._turn(self.rounds.of(step)) if len(self._shown[layer])]
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
        kept = {
            f"{_POOL}{layer}:{name}": tensor.clone()
            for layer, pool in self.pools.items()
            for name, tensor in pool.tensors().items()
        }
        return kept | {f"{_BEFORE}{name}": tensor for name, tensor in self._before.items()}

    def restore(self, memory: Memory, step: int) -> None:
        """Take over what :meth:`memory` kept, and have the groups of the round that begins with ``step`` made again."""
        for layer, pool in self.pools.items():
            for name in pool.tensors():
                setattr(pool, name, memory[f"{_POOL}{layer}:{name}"].to(pool.values.device).clone())
            self._shown[layer] = pool.shown
        self._before = {
            name.removeprefix(_BEFORE): tensor for name, tensor in memory.items() if name.startswith(_BEFORE)
        }
        number = self.rounds.begun_by(step)
        if number and self._before and self._source.spec.delay:
            self._refresher.begin(number, self._before)

    def ages(self, number: int) -> dict[int, float]:
        """Return the mean age of each layer's pool in a round, in rounds."""
        return {layer: pool.age(number) for layer, pool in self.pools.items()}

    def _refresh(self, number: int, network: FullyConnected) -> None:
        """Begin a round: put into the pools what was made for it, and have made what the next one needs.

        The groups of round t are made from the weights at the beginning of round t - 1: neither earlier nor later,
        however quick the makers are. The first round has none, since there was no round before it.
        """
        weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        if number and not self._source.spec.delay:
            self._refresher.begin(number, weights)
        if number:
            made = self._refresher.take(number)
            for layer, pool in self.pools.items():
                pool.replace(self._source.group(layer, number), made[layer], number)
                self._shown[layer] = pool.shown
        self._before = weights
        if self._source.spec.delay and number + 1 < self.rounds.total:
            self._refresher.begin(number + 1, weights)

    def _turn(self, number: int) -> Iterable[int]:
        """Return the layers whose pools are shown in a round."""
        layers = self._source.spec.layers
        return layers if self._source.spec.turns == "together" else (layers[number % len(layers)],)

    def _loss(self, network: FullyConnected, layer: int, step: int, count: int) -> torch.Tensor:
        """Return the mean cross-entropy of some of a pool."""
        source, pool, shown = self._source, self.pools[layer], self._shown[layer]
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
