"""Who makes what a round puts into the pools: here the process that trains, elsewhere workers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import torch

from blindspots.networks.fully_connected import FullyConnected
from blindspots.study.pools_spec import PoolsSpec
from blindspots.training.hardening.perturbing import Perturbed, perturbed
from blindspots.training.hardening.schedule import Group, group_of

Weights = dict[str, torch.Tensor]


class Refresher(Protocol):
    """Makes the groups of rounds, each from weights that it is told beforehand."""

    def begin(self, number: int, weights: Weights) -> None:
        """Have the groups of round ``number`` made from ``weights``; they may be made while the caller goes on."""
        ...

    def take(self, number: int) -> Mapping[int, Perturbed]:
        """Return what was made for a round, by layer, in the order of its group; wait for it where it is late."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A refresher that has something to tell about an epoch."""

    def told(self) -> str:
        """Return it, for a line in the log."""
        ...


@dataclass(frozen=True)
class Source:
    """What pools are made from."""

    spec: PoolsSpec
    images: torch.Tensor
    """(n, ...) the training images."""
    labels: torch.Tensor
    classes: int
    seed: int

    def group(self, layer: int, number: int) -> Group:
        """Return what a round replaces in the pool of ``layer``."""
        return group_of(
            self.seed,
            layer,
            number,
            size=self.spec.size,
            replaced=self.spec.replaced,
            images=len(self.images),
            classes=self.classes,
        )


PART = 3000
"""Rows of a group that are made together, whoever makes them."""


class OwnRefresher:
    """Makes the groups in the process that trains, when they are asked for."""

    def __init__(self, source: Source, network: FullyConnected) -> None:
        """``network``: one of the shape that is trained, whose weights are overwritten."""
        self._source, self._network = source, network
        self._weights: dict[int, Weights] = {}

    def begin(self, number: int, weights: Weights) -> None:
        """Keep the weights until the round is asked for."""
        self._weights[number] = {name: tensor.clone() for name, tensor in weights.items()}

    def take(self, number: int) -> Mapping[int, Perturbed]:
        """Make the groups of a round."""
        self._network.load_state_dict(self._weights.pop(number))
        source = self._source
        found = {}
        for layer in source.spec.layers:
            group = source.group(layer, number)
            made = [
                made_part(self._network, source.spec, layer, group, part, source.images, source.labels)
                for part in parts_of(len(group.slots))
            ]
            found[layer] = joined(made)
        return found


def parts_of(rows: int) -> list[slice]:
    """Return the rows of a group in parts, the same whoever makes them."""
    return [slice(start, min(start + PART, rows)) for start in range(0, rows, PART)]


def made_part(
    network: FullyConnected,
    spec: PoolsSpec,
    layer: int,
    group: Group,
    part: slice,
    images: torch.Tensor,
    labels: torch.Tensor,
) -> Perturbed:
    """Return what is made for the rows ``part`` of a group; ``images``, ``labels``: all that are trained on."""
    rows = torch.from_numpy(group.examples[part]).to(images.device)
    turns = torch.from_numpy(group.turns[part]).to(images.device)
    return perturbed(network, images[rows], labels[rows], layer=layer, spec=spec, turns=turns)


def joined(made: list[Perturbed]) -> Perturbed:
    """Return the parts of a group as one."""
    return Perturbed(*(torch.cat([getattr(each, field.name) for each in made]) for field in fields(Perturbed)))
