"""A network that is linear in pieces: affine nodes and rectifications, in float64.

Leaky rectifications and poolings by the maximum are rectifications in disguise, so that one relaxation does for all::

    leaky(z)   = s z + (1 - s) relu(z)
    max(a, b)  = b + relu(a - b)
"""

from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import torch
from torch.nn import functional as F

from blindspots.spectral.relaxation.maps import LinearMap

_UNIT = torch.finfo(torch.float64).eps / 2
_RECTIFIER, _EDGE = 16, 8
"""Roundings at a rectifier's line, and for each value of an image at the end of a bound, in units: see below."""


@dataclass(frozen=True)
class Node:
    """A value of the network: the input, a sum of maps of earlier nodes and a constant, or one's rectified value."""

    shape: tuple[int, ...]
    """Without the batch."""
    inputs: tuple[int, ...] = ()
    maps: tuple[LinearMap, ...] = ()
    """One an input; none for a rectification."""
    constant: torch.Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    """() or (1, ...)."""
    terms: torch.Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    """() or (1, ...) the absolute values of the terms that the constant is made of, summed up."""
    largest: tuple[int, torch.Tensor] | None = None
    """Where it is a pooling by the maximum: of which node's values, and which of them, (window's places, outputs)."""

    @property
    def rectified(self) -> bool:
        """Whether it is the rectified value of its input."""
        return bool(self.inputs) and not self.maps


@dataclass(frozen=True)
class Pieces:
    """The nodes in the order of the forward pass: the first is the input, the last the logits (k,)."""

    nodes: tuple[Node, ...]

    @cached_property
    def rectifiers(self) -> tuple[int, ...]:
        """Places of the rectifications."""
        return tuple(place for place, node in enumerate(self.nodes) if node.rectified)

    @cached_property
    def bent(self) -> tuple[bool, ...]:
        """Of each node, whether a rectification lies before it: where none does, it is affine in the image."""
        found: list[bool] = []
        for node in self.nodes:
            found.append(node.rectified or any(found[place] for place in node.inputs))
        return tuple(found)

    @cached_property
    def effort(self) -> int:
        """How many values are taken backwards for an image: of each rectifier's inputs all nodes before, at most."""
        sizes = [prod(node.shape) for node in self.nodes]
        bent = [place for place in self.rectifiers if self.bent[self.nodes[place].inputs[0]]]
        return sum(sizes[place] * sum(sizes[:place]) for place in bent)

    def values(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return every node's values for ``images`` (n, ...) in float64."""
        held: list[torch.Tensor] = []
        for node in self.nodes:
            if not node.inputs:
                held.append(images)
            elif node.rectified:
                held.append(F.relu(held[node.inputs[0]]))
            else:
                total: torch.Tensor = sum(
                    (each.apply(held[place]) for place, each in zip(node.inputs, node.maps, strict=True)),
                    start=node.constant.expand(1, *node.shape),
                )
                held.append(total)
        return held

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, k) for ``images`` (n, ...) in float64."""
        return self.values(images)[-1]

    @cached_property
    def sizes(self) -> tuple[torch.Tensor, ...]:
        """What each node's absolute values (1, ...) cannot exceed in the box: the sums of absolute terms on the way."""
        held: list[torch.Tensor] = []
        for node in self.nodes:
            if not node.inputs:
                held.append(torch.ones((1, *node.shape), dtype=torch.float64, device=self._device))
            elif node.rectified:
                held.append(held[node.inputs[0]])
            else:
                size = node.terms.expand(1, *node.shape)
                for place, each in zip(node.inputs, node.maps, strict=True):
                    size = size + each.absolute().apply(held[place])
                held.append(size)
        return tuple((size * (1 + 1e-6) + _TINY).detach() for size in held)

    @cached_property
    def share(self) -> float:
        """Which share of :attr:`sizes` rounding may put a bound of a node's values off, or the values themselves.

        A bound is a sum of products, taken backwards through the maps: with every inner product of t terms each
        coefficient is off by ``t u / (1 - t u)`` of its absolute terms (Higham 2002, section 3.1), which add up along
        the way, and so is the bound itself by ``G`` of all its absolute terms, with ``G`` the sum over all nodes. Those
        terms are: what the coefficients make of the constants and of the image, together no more than the node's size,
        since no slope is above 1 and the size is the same sum with all signs equal; and the intercepts of rectifiers,
        ``c_v d_v`` with ``0 <= d_v <= size_v``, of each rectifier v once more no more than the size. At the image, a
        sum of p terms, times what its ball may be larger than 1.
        """
        terms = [each.terms + 4 for node in self.nodes for each in node.maps]
        reads = sum(len(node.inputs) for node in self.nodes)
        pixels = self.sizes[0].numel()
        edge = _EDGE * (pixels + 8) * max(1.0, pixels**0.5)
        units = (sum(terms) + 2 * reads + _RECTIFIER * len(self.rectifiers) + edge) * _UNIT
        return 2 * (1 + len(self.rectifiers)) * units / (1 - units) if units < 0.01 else torch.inf

    @cached_property
    def allowances(self) -> tuple[torch.Tensor, ...]:
        """What rounding may put off each node's values and bounds, (1, ...): :attr:`share` of :attr:`sizes`."""
        return tuple(self.share * size for size in self.sizes)

    @property
    def _device(self) -> torch.device:
        return self.nodes[-1].constant.device


_TINY = 1e-200
"""More than what underflows can come to."""


def lead_rows(labels: torch.Tensor, rivals: torch.Tensor, classes: int) -> torch.Tensor:
    """Return the rows (n, k) that take from logits the leads of ``labels`` over ``rivals`` (n,)."""
    eye = torch.eye(classes, dtype=torch.float64, device=labels.device)
    return eye[labels] - eye[rivals]


def others(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Return each label's rivals (n, k - 1), all other classes in order."""
    every = torch.arange(classes, device=labels.device).expand(len(labels), -1)
    return every[every != labels[:, None]].reshape(len(labels), classes - 1)
