"""The nearest misread images that a descent finds: what proofs are held against, and where they may stop.

Nothing that is proved depends on how near they are; a proof that reaches one is exact.
"""

from dataclasses import dataclass

import torch

from blindspots.spectral.relaxation.ball import Box, nearest
from blindspots.spectral.relaxation.pieces import Pieces

_HALVINGS = 30
_BACK, _BEYOND = 0.2, 1.05
"""Of a step, what share of it leads back towards the original, and how far it goes beyond the plane."""


@dataclass(frozen=True)
class Misread:
    """Images (n, p) that are misread, as changes of others."""

    distance: torch.Tensor
    """(n,) their norms; infinity without."""
    change: torch.Tensor

    def or_nearer(self, other: "Misread") -> "Misread":
        """Return of each image the nearer one."""
        first = self.distance <= other.distance
        change = torch.where(first[:, None], self.change, other.change)
        return Misread(torch.minimum(self.distance, other.distance), change)


def descended(
    network: Pieces, box: Box, rows: torch.Tensor, floor: torch.Tensor, start: torch.Tensor, *, steps: int
) -> Misread:
    """Return the nearest images found where leads ``rows`` (n, k) are not above ``floor`` (n,), from changes (n, p).

    Each step goes to the plane where the lead, as it is linear around the last image, is the floor: to a point between
    those that are nearest to the last one and to the original, within the box (Croce and Hein 2020, "FAB").
    """
    change = start
    found = Misread(torch.full_like(start[:, 0], torch.inf), torch.zeros_like(start))
    for _ in range(steps):
        value, gradient = lead_and_gradient(network, box, rows, change)
        value = value - floor
        wrong = value <= 0
        found = found.or_nearer(Misread(torch.where(wrong, change.norm(dim=1), torch.inf), change))
        plane = (value - (gradient * change).sum(dim=1)).clamp_min(0)
        far, there = nearest(gradient, plane, box)
        # from an image that is misread back to the plane's nearest point; to one mostly from where it is, as kinks
        # would make it go to and fro between two planes
        away = Box(box.images + change, box.low - change, box.high - change)
        near, onwards = nearest(gradient, value.clamp_min(0), away)
        share = (near / (near + far)).nan_to_num(1).clamp_max(_BACK)[:, None]
        onwards = (1 - share) * (change + _BEYOND * onwards) + share * _BEYOND * there
        change = torch.where(wrong[:, None], there * (1 + 1e-6), onwards)
        change = torch.minimum(torch.maximum(change, box.low), box.high)
    return drawn_in(network, box, rows, floor, found)


def drawn_in(network: Pieces, box: Box, rows: torch.Tensor, floor: torch.Tensor, found: Misread) -> Misread:
    """Return the images drawn in towards their originals, as far as their leads are not above ``floor`` on the way."""
    low, high = torch.zeros_like(found.distance), torch.ones_like(found.distance)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        wrong = leads(network, box, rows, middle[:, None] * found.change) <= floor
        low, high = torch.where(wrong, low, middle), torch.where(wrong, middle, high)
    change = high[:, None] * found.change
    return Misread(torch.where(found.distance.isfinite(), change.norm(dim=1), torch.inf), change)


@torch.no_grad()
def leads(network: Pieces, box: Box, rows: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
    """Return the leads (n,) of images after changes (n, p)."""
    images = (box.images + change).clamp(0, 1).reshape(-1, *network.nodes[0].shape)
    return (network.logits(images) * rows).sum(dim=1)


def lead_and_gradient(
    network: Pieces, box: Box, rows: torch.Tensor, change: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the leads (n,) of images after changes (n, p), and their gradients (n, p)."""
    with torch.enable_grad():
        images = (box.images + change).clamp(0, 1).requires_grad_(True)
        value = (network.logits(images.reshape(-1, *network.nodes[0].shape)) * rows).sum(dim=1)
        gradient = torch.autograd.grad(value.sum(), images)[0] if value.requires_grad else torch.zeros_like(images)
    return value.detach(), gradient
