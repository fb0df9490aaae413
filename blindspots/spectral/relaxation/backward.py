"""Linear bounds of a network's values, taken backwards from there to the image (CROWN; Zhang and others 2018).

Where a rectifier's input z lies between l < 0 < u, its output lies between two lines: above ``a z`` for any slope a in
[0, 1], and below ``u (z - l) / (u - l)``. A form of the network's values with the coefficient c at a rectifier is at
least the one in which the lower line takes its place where c > 0, and the upper one where c < 0. From the last node to
the first, what is left is a linear form of the image and a constant.

A split of a rectifier at 0 (Wang and others 2021, "beta-CROWN") is a constraint, ``z >= 0`` or ``z <= 0``, that holds
in a part of the ball: ``-b z`` or ``b z`` with b >= 0 can be added to the form, which stays a lower bound there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch

from blindspots.spectral.relaxation.maps import rows_of
from blindspots.spectral.relaxation.pieces import Pieces

Ranges = dict[int, tuple[torch.Tensor, torch.Tensor]]
"""By the place of a rectifier: between which bounds (n, ...) its input lies."""


@dataclass(frozen=True)
class Lines:
    """The lines (n, 1, ...) around a rectifier's outputs."""

    lower: torch.Tensor
    """Slope of the line below, through 0."""
    upper: torch.Tensor
    """Slope of the line above."""
    above: torch.Tensor
    """That one's height at 0."""


@dataclass(frozen=True)
class Form:
    """Linear forms of the image that lie below forms of the network's values."""

    image: torch.Tensor
    """(n, s, p), or (1, s, p) where they are the same for all images."""
    constant: torch.Tensor
    """(n, s) or (1, s)."""
    coefficients: dict[int, torch.Tensor]
    """By the place of a rectifier: (n, s, ...) of its outputs."""


def lines(low: torch.Tensor, high: torch.Tensor) -> Lines:
    """Return the lines around rectified values of ``low`` to ``high`` (n, ...).

    The one below has the slope 1 where it is the nearer one then (u > -l), and 0 elsewhere.
    """
    low, high = low[:, None], high[:, None]
    on = low >= 0
    bent = (low < 0) & (high > 0)
    upper = torch.where(bent, high / torch.where(bent, high - low, 1), on.to(low))
    above = torch.where(bent, -upper * low, 0)
    return Lines(torch.where(bent, (high > -low).to(low), on.to(low)), upper, above)


def sloped(around: Lines, slope: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> Lines:
    """Return the lines with the ``slope`` (n, s or 1, ...), in [0, 1], below values that may be on both sides of 0."""
    bent = ((low < 0) & (high > 0))[:, None]
    return Lines(torch.where(bent, slope, around.lower), around.upper, around.above)


def backwards(
    network: Pieces,
    place: int,
    rows: torch.Tensor,
    bounds: Mapping[int, Lines],
    multipliers: Mapping[int, torch.Tensor] | None = None,
) -> Form:
    """Return forms of the image below the forms ``rows`` (n or 1, s, ...) of the node ``place``.

    ``bounds``: of every rectifier before it; ``multipliers``: by a rectifier's place, what is added (n, 1, ...) to the
    coefficients of its inputs, as split.
    """
    return _onwards(network, place, {place: rows}, rows.new_zeros(rows.shape[:2]), bounds, multipliers or {})


def backwards_from_values(
    network: Pieces, place: int, values: torch.Tensor, sign: float, bounds: Mapping[int, Lines]
) -> Form:
    """Return forms of the image below some ``values`` (s,) of the node ``place``, flat, times ``sign``."""
    node = network.nodes[place]
    if not node.maps:
        units = torch.zeros(1, len(values), prod(node.shape), dtype=torch.float64, device=values.device)
        units[0, torch.arange(len(values), device=values.device), values] = sign
        return backwards(network, place, units.reshape(1, -1, *node.shape), bounds)
    constant = sign * node.constant.expand(1, *node.shape).flatten()[values][None]
    pending: dict[int, torch.Tensor] = {}
    for source, each in zip(node.inputs, node.maps, strict=True):
        rows = sign * rows_of(each, values, node.shape)[None]
        pending[source] = pending[source] + rows if source in pending else rows
    return _onwards(network, place - 1, pending, constant, bounds, {})


def _onwards(
    network: Pieces,
    place: int,
    pending: dict[int, torch.Tensor],
    constant: torch.Tensor,
    bounds: Mapping[int, Lines],
    multipliers: Mapping[int, torch.Tensor],
) -> Form:
    """Take forms that are ``pending``, by the place of their node, backwards from ``place`` to the image."""
    coefficients: dict[int, torch.Tensor] = {}
    for at in range(place, 0, -1):
        form = pending.pop(at, None)
        if form is None:
            continue
        node = network.nodes[at]
        if node.rectified:
            source, around = node.inputs[0], bounds[at]
            coefficients[at] = form
            below = form.clamp_max(0)
            constant = constant + (below * around.above).flatten(2).sum(dim=2)
            form = (form - below) * around.lower + below * around.upper
            if at in multipliers:
                form = form + multipliers[at]
            pending[source] = pending[source] + form if source in pending else form
            continue
        constant = constant + (form * node.constant).flatten(2).sum(dim=2)
        flat = form.flatten(0, 1)
        for source, each in zip(node.inputs, node.maps, strict=True):
            back = each.transposed(flat).unflatten(0, form.shape[:2])
            pending[source] = pending[source] + back if source in pending else back
    image = pending.get(0)
    if image is None:
        image = constant.new_zeros(*constant.shape, *network.nodes[0].shape)
    return Form(image.flatten(2), constant, coefficients)
