"""Between which bounds every rectifier's input lies, for images within a ball and the box."""

from dataclasses import dataclass
from math import prod

import torch

from blindspots.device import rows_at_once
from blindspots.spectral.relaxation.backward import Form, Lines, Ranges, backwards_from_values, lines
from blindspots.spectral.relaxation.ball import Box, least
from blindspots.spectral.relaxation.pieces import Pieces

_ARRAYS = 32
"""Of a node's values, for a row that is taken backwards."""


@dataclass(frozen=True)
class Interval:
    """Bounds of a node's values, elementwise."""

    low: torch.Tensor
    high: torch.Tensor

    def within(self, other: "Interval") -> "Interval":
        """Return what both leave."""
        return Interval(torch.maximum(self.low, other.low), torch.minimum(self.high, other.high))


class Forms:
    """Forms of the image that are the same for every image and ball: of the nodes before which nothing is rectified."""

    def __init__(self, network: Pieces) -> None:
        self.network = network
        self.held: dict[int, Form] = {}

    def of(self, place: int, columns: torch.Tensor) -> Form | None:
        """Return those of some of a node's values; None where they depend on the image, or are too large to be held."""
        node, pixels = self.network.nodes[place], self.network.nodes[0].shape
        if self.network.bent[place] or prod(node.shape) * prod(pixels) > rows_at_once(1):
            return None
        if place not in self.held:
            every = torch.arange(prod(node.shape), device=columns.device)
            self.held[place] = backwards_from_values(self.network, place, every, 1.0, {})
        whole = self.held[place]
        return Form(whole.image[:, columns], whole.constant[:, columns], {})


@torch.no_grad()
def ranges(
    network: Pieces,
    forms: Forms,
    box: Box,
    radius: torch.Tensor,
    known: Ranges | None = None,
) -> Ranges:
    """Return the bounds of every rectifier's input within ``radius`` (n,).

    First by intervals along the network; where those leave a rectifier's sign open, by linear forms of the image. Each
    bound is moved outwards by what rounding may come to. ``known``: bounds that hold already.
    """
    found: Ranges = {}
    around: dict[int, Lines] = {}
    held = [_entering(network, box, radius)]
    for place, node in enumerate(network.nodes[1:], start=1):
        if not node.rectified:
            held.append(_forwards(network, place, held))
            continue
        source = node.inputs[0]
        now = held[source]
        if known is not None and place in known:
            now = now.within(Interval(*known[place]))
        columns = ((now.low < 0) & (now.high > 0)).flatten(1).any(dim=0).nonzero()[:, 0]
        if len(columns):
            narrow = _by_forms(network, forms, source, columns, around, box, radius)
            flat = Interval(now.low.flatten(1).clone(), now.high.flatten(1).clone())
            both = Interval(flat.low[:, columns], flat.high[:, columns]).within(narrow)
            flat.low[:, columns], flat.high[:, columns] = both.low, both.high
            now = Interval(flat.low.reshape(now.low.shape), flat.high.reshape(now.high.shape))
        found[place], around[place] = (now.low, now.high), lines(now.low, now.high)
        held[source] = now
        held.append(Interval(now.low.clamp_min(0), now.high.clamp_min(0)))
    return found


def along(network: Pieces, box: Box, radius: torch.Tensor, known: Ranges) -> list[Interval]:
    """Return bounds of every node's values within ``radius`` (n,), by intervals from those ``known`` of rectifiers."""
    held = [_entering(network, box, radius)]
    for place, node in enumerate(network.nodes[1:], start=1):
        if node.rectified:
            source = node.inputs[0]
            held[source] = now = held[source].within(Interval(*known[place]))
            held.append(Interval(now.low.clamp_min(0), now.high.clamp_min(0)))
        else:
            held.append(_forwards(network, place, held))
    return held


def _entering(network: Pieces, box: Box, radius: torch.Tensor) -> Interval:
    """Return the bounds of the images themselves."""
    spread, shape = radius[:, None], (-1, *network.nodes[0].shape)
    low, high = torch.maximum(box.low, -spread), torch.minimum(box.high, spread)
    return Interval((box.images + low).reshape(shape), (box.images + high).reshape(shape))


def _forwards(network: Pieces, place: int, held: list[Interval]) -> Interval:
    node = network.nodes[place]
    middle: torch.Tensor = node.constant.expand(1, *node.shape)
    spread: torch.Tensor = network.allowances[place]
    for at, each in zip(node.inputs, node.maps, strict=True):
        low, high = held[at].low, held[at].high
        middle = middle + each.apply((low + high) / 2)
        spread = spread + each.absolute().apply((high - low) / 2)
    size = network.sizes[place]
    return Interval((middle - spread).clamp_min(-size), (middle + spread).clamp_max(size))


def _by_forms(
    network: Pieces,
    forms: Forms,
    place: int,
    columns: torch.Tensor,
    around: dict[int, Lines],
    box: Box,
    radius: torch.Tensor,
) -> Interval:
    """Return bounds (n, c) of the values ``columns`` of a node, with the lines ``around`` the rectifiers before it."""
    largest = max(prod(network.nodes[at].shape) for at in range(place + 1))
    ends: list[list[torch.Tensor]] = [[], []]
    for some in columns.split(rows_at_once(len(box.images) * largest, arrays=_ARRAYS)):
        form = forms.of(place, some)
        for sign, end in zip((1.0, -1.0), ends, strict=True):
            if form is None:
                own = backwards_from_values(network, place, some, sign, around)
            else:
                own = Form(sign * form.image, sign * form.constant, {})
            end.append(sign * (least(own.image, box, radius) + own.constant))
    off = network.allowances[place].flatten()[columns]
    size = network.sizes[place].flatten()[columns]
    low, high = (torch.cat(end, dim=1) for end in ends)
    return Interval((low - off).clamp_min(-size), (high + off).clamp_max(size))
