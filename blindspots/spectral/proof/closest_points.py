"""Points of a ball and the box where a lead of a sigmoid network's logits is least, or zero.

A local search, whose results prove nothing by themselves: :mod:`blindspots.spectral.proof.local` proves them least.
"""

from dataclasses import dataclass

import torch

from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork

_ROUNDS = 6
_SETTLED = 1e-9


@dataclass(frozen=True)
class Points:
    """Points near images, one for each of p pairs of an image and a lead."""

    change: torch.Tensor
    """(p, m) from the image."""
    multiplier: torch.Tensor
    """(p,) the eta at which the point all but minimises ``lead + eta / 2 |change|^2`` in the box."""


def closest_points(
    network: SigmoidNetwork,
    images: torch.Tensor,
    lead: torch.Tensor,
    radius: torch.Tensor,
    *,
    start: torch.Tensor,
    steps: int,
    boundary: bool,
) -> Points:
    """Return the points in the ball where a lead is least; with ``boundary``, those where it is zero if they're nearer.

    ``images``: (p, m) in [0, 1]; ``lead``: (p, k) weights of the logits; ``radius``: (p,); ``start``: (p, m) changes to
    start from. Each step takes the lead for linear and solves that problem exactly, or nearly so. It ends early where
    nothing changes any more.
    """
    low, high = -images, 1 - images
    change, multiplier = start, torch.ones_like(radius)
    for _ in range(steps):
        gradient, value = lead_and_gradient(network, images + change, lead)
        gap = value - (gradient * change).sum(dim=1) if boundary else None
        before = change
        change, multiplier = _linear(gradient, low, high, radius, gap)
        if ((change - before).norm(dim=1) <= _SETTLED * radius).all():
            break
    return Points(change, multiplier)


def lead_and_gradient(
    network: SigmoidNetwork, rows: torch.Tensor, lead: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients (p, m) of leads at ``rows`` (p, m), and the leads (p,)."""
    hidden = network.hidden(rows)
    return network.steepness(hidden, lead)[0], (network.logits(hidden, rows) * lead).sum(dim=1)


def _linear(
    gradient: torch.Tensor, low: torch.Tensor, high: torch.Tensor, radius: torch.Tensor, gap: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the change ``clip(-gradient / mu)`` whose norm is ``radius`` or that takes ``gap + <gradient, .>`` to 0.

    Of the two the one with the larger mu, and that mu. What is clipped follows from mu and mu from what is clipped: in
    turn, from nothing but values at the border on; a few rounds settle it but for what the next step sees to.
    """
    # min <gradient, d> with |d| <= radius and low <= d <= high: by its multipliers (Karush, Kuhn and Tucker)
    # d = clip(-gradient / mu), and mu follows from the norm, of which what is clipped has used up its part
    fixed = torch.where(gradient > 0, low, high)
    held = fixed == 0
    square = gradient.square()
    for _ in range(_ROUNDS):
        free = (square * ~held).sum(dim=1)
        rest = radius.square() - (fixed.square() * held).sum(dim=1)
        mu = torch.where(rest > 0, (free / rest).sqrt(), 0)
        if gap is not None:
            missing = gap + (gradient * fixed * held).sum(dim=1)
            mu = torch.maximum(mu, torch.where(missing > 0, free / missing, torch.inf))
        mu = mu.clamp(1e-12, 1e12)
        change = torch.clamp(-gradient / mu[:, None], low, high)
        before, held = held, change == fixed
        if torch.equal(held, before):
            break
    return change, mu
