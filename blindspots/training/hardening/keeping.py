"""The pools of a training, kept from round to round: refreshed where one begins, and part of every checkpoint."""

import torch

from blindspots.networks.fully_connected import FullyConnected
from blindspots.training.hardening.parts import units
from blindspots.training.hardening.pool import Pool
from blindspots.training.hardening.refreshing import Refresher, Source, Weights
from blindspots.training.minibatches import Memory

_POOL, _BEFORE = "pool:", "before:"


class KeptPools:
    """The pools of all layers that have one, whatever trains the network."""

    def __init__(self, source: Source, refresher: Refresher, network: FullyConnected, rounds: int) -> None:
        """``rounds``: how many the training has."""
        self.source, self.rounds, self._refresher = source, rounds, refresher
        self.pools = {
            layer: Pool.empty(source.spec.size, units(network, layer), source.images) for layer in source.spec.layers
        }
        self.shown: dict[int, torch.Tensor] = {layer: pool.shown for layer, pool in self.pools.items()}
        """Of each layer, the slots that can be shown."""
        self._before: Weights = {}
        """The weights at the beginning of the round under way, which the next one's groups are made from."""

    def begin(self, number: int, network: FullyConnected) -> None:
        """Begin a round: put into the pools what was made for it, and have made what the next one needs.

        The groups of round t are made from the weights at the beginning of round t - 1: neither earlier nor later,
        however quick the makers are. The first round has none, since there was no round before it.
        """
        spec = self.source.spec
        weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        if number and not spec.delay:
            self._refresher.begin(number, weights)
        if number:
            made = self._refresher.take(number)
            for layer, pool in self.pools.items():
                pool.replace(self.source.group(layer, number), made[layer], number)
                self.shown[layer] = pool.shown
        self._before = weights
        if spec.delay and number + 1 < self.rounds:
            self._refresher.begin(number + 1, weights)

    def turn(self, number: int) -> list[int]:
        """Return the layers whose pools are shown in a round, of those in which anything is."""
        layers = self.source.spec.layers
        turn = layers if self.source.spec.turns == "together" else (layers[number % len(layers)],)
        return [layer for layer in turn if len(self.shown[layer])]

    def ages(self, number: int) -> dict[int, float]:
        """Return the mean age of each layer's pool in a round, in rounds."""
        return {layer: pool.age(number) for layer, pool in self.pools.items()}

    def memory(self) -> Memory:
        """Return all that goes from one checkpoint to the next."""
        kept = {
            f"{_POOL}{layer}:{name}": tensor.clone()
            for layer, pool in self.pools.items()
            for name, tensor in pool.tensors().items()
        }
        return kept | {f"{_BEFORE}{name}": tensor for name, tensor in self._before.items()}

    def restore(self, memory: Memory, number: int) -> None:
        """Take over what :meth:`memory` kept, and have the groups of round ``number``, the next, made again."""
        for layer, pool in self.pools.items():
            for name in pool.tensors():
                setattr(pool, name, memory[f"{_POOL}{layer}:{name}"].to(pool.values.device).clone())
            self.shown[layer] = pool.shown
        self._before = {
            name.removeprefix(_BEFORE): tensor for name, tensor in memory.items() if name.startswith(_BEFORE)
        }
        if number and self._before and self.source.spec.delay:
            self._refresher.begin(number, self._before)
