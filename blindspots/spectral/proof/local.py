"""How near the nearest misreading of a sigmoid network can be: proved image by image, and as a rule exactly.

For a lead g of the label over another class, an image x, a radius r and an eta, let p minimise
``G = g + eta/2 (|. - x|^2 - r^2)`` over the box. In the ball of radius r, G is at most g; and if g curves downwards
around p by no more than eta there (:mod:`.curvature`), then G(p) is G's least value: ``G(p) > 0``
proves that no image of the box within r is read as the other class. Where the boundary of the classes is not curved too
strongly, eta can be the multiplier of the nearest point of the boundary itself, and the proof reaches all the way: the
point is proved to be the nearest, and the paper's minimum distortion is known and not only bracketed.
"""

from dataclasses import dataclass, field

import torch

from blindspots.spectral.proof.closest_points import Points, closest_points, lead_and_gradient
from blindspots.spectral.proof.curvature import Frame, Range, curvature
from blindspots.spectral.proof.narrowing import ellipsoids, narrowed
from blindspots.spectral.proof.reach import Ball, reach
from blindspots.spectral.proof.sigmoid_bound import hidden_bound
from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork

_IMAGES = 32
"""Images that are worked on at once."""
_SHORT = 1e-6
"""The nearest point is proved to be nearest but for this share of its distance."""
_TRIALS = 8
"""Radii tried for an image whose nearest point cannot be proved nearest."""
_STEPS = 30
"""Of the local search."""
_ROUNDS = 8
"""Of narrowing the ranges."""
_STALLED = 0.02
"""Share of all ranges' widths that a round is to take off at least, for another to follow."""


def local_radius(network: SigmoidNetwork, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return Euclidean radii (n,) within which no image of the box [0, 1] is read as another class than ``labels``.

    0 where the image is read as another class itself. ``images``: (n, m) float64 in [0, 1]; ``labels``: (n,) integers.
    The radii hold for exact arithmetic: the rounding of float64 here is bounded and taken off.
    """
    proof = _Proof(network)
    parts = zip(images.split(_IMAGES), labels.split(_IMAGES), strict=True)
    return torch.cat([_radii(proof, some, own) for some, own in parts])


class _Proof:
    """What holds for all images of a network."""

    def __init__(self, network: SigmoidNetwork) -> None:
        self.network, self.frame = network, Frame.of(network)
        errors, self.gradient_off = network.rounding()
        self.lead_off = 2 * float(errors[-1].max())
        self.before = hidden_bound(network)

    def holds(
        self, images: torch.Tensor, lead: torch.Tensor, radius: torch.Tensor, points: Points, ranges: list[Range]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return whether ``lead`` is proved to be above 0 in the balls (p,), and eta over the largest eigenvalue of P.

        ``ranges`` are those of the images of the balls that may be misread, and are narrowed in place.

        What is left over of the condition for a minimum, q, takes ``|q|`` times the farthest distance off, but for
        values at the border of the box that q would move out of it.
        """
        change, eta = points.change, points.multiplier
        hidden = self.network.hidden(images + change)
        gradient, value = lead_and_gradient(self.network, images + change, lead)
        # G's gradient at p; where it pushes a value at the border outwards, the box holds against it
        left = gradient + eta[:, None] * change
        left = torch.where((change <= -images) & (left > 0) | (change >= 1 - images) & (left < 0), 0, left)
        # G(p), less |q| times how far from p the ball reaches, by which p may miss the least, and less rounding
        least = value - (left.norm(dim=1) + self.gradient_off) * (change.norm(dim=1) + radius) - self.lead_off
        proved = torch.zeros_like(least, dtype=torch.bool)
        ratio = torch.zeros_like(least)
        at = torch.arange(len(least), device=least.device)
        for _ in range(_ROUNDS):
            if not len(at):
                break
            here = [layer[at] for layer in hidden]
            within = [(low[at], high[at]) for low, high in ranges]
            form = curvature(self.network, here, lead[at], within, self.frame)
            where = ellipsoids(form, change[at], self.frame, radius=radius[at], multiplier=eta[at], lead=least[at])
            proved[at] = where.empty
            ratio[at] = eta[at] / where.curved.clamp_min(1e-9)
            if not hidden:
                break
            narrow = narrowed(self.network, here, within, self.frame, where)
            shrunk = torch.zeros_like(least[at])
            for (low, high), (least_, most) in zip(ranges, narrow, strict=True):
                before, after = (high[at] - low[at]).sum(dim=1), (most - least_).sum(dim=1)
                shrunk = torch.maximum(shrunk, 1 - after / before.clamp_min(1e-300))
                low[at], high[at] = least_, most
            at = at[~proved[at] & (shrunk > _STALLED)]
        return proved, ratio


def _radii(proof: _Proof, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    network, count, classes = proof.network, len(images), len(proof.network.biases[-1])
    others = torch.arange(classes, device=labels.device).expand(count, -1)
    others = others[others != labels[:, None]].reshape(count, classes - 1)
    eye = torch.eye(classes, dtype=images.dtype, device=images.device)
    leads = eye[labels][:, None] - eye[others]
    logits = network.logits(network.hidden(images), images)
    right = ((leads @ logits[:, :, None])[:, :, 0] > proof.lead_off).all(dim=1)
    radii = images.new_zeros(count)
    if right.any():
        radii[right] = _Search(proof, images[right], leads[right]).radii()
    return radii


@dataclass
class _Search:
    """The largest radius for a few images (n, m) that are read rightly, over all leads (n, c, k)."""

    proof: _Proof
    images: torch.Tensor
    leads: torch.Tensor
    _left: list[Range] = field(init=False)
    """Of each hidden layer, two (n, c, units): where the weighted sums of misread images can be, within the radius that
    was tried last of those that were not proved."""

    def __post_init__(self) -> None:
        shapes = [(*self.leads.shape[:2], len(bias)) for bias in self.proof.network.biases[:-1]]
        self._left = [(self.leads.new_full(each, -torch.inf), self.leads.new_full(each, torch.inf)) for each in shapes]

    def radii(self) -> torch.Tensor:
        """Return the radii (n,): of a lead as proved, of an image the least of its leads'."""
        high, change = self._nearest()
        proved = self._by_product()
        slack = torch.ones_like(high)
        trial, at = high * (1 - _SHORT), torch.arange(len(high), device=high.device)
        # first all but the nearest point's distance; where that is not proved, between what is and what is not, as far
        # down as the curvature that stood in the way suggests
        for number in range(1 + _TRIALS):
            slack[at] = self._try(at, trial[at], proved, change)
            low = proved.amin(dim=1)
            high = torch.where(low < trial, torch.minimum(high, trial), high)
            if number == 0:
                at = (low < trial).nonzero()[:, 0]
            if not len(at):
                break
            span = high[at] - low[at]
            trial[at] = torch.clamp(
                torch.where(trial[at] > low[at], trial[at] * slack[at].clamp(0.6, 0.97), high[at]),
                low[at] + 0.3 * span,
                high[at] - 0.3 * span,
            )
        return proved.amin(dim=1) * (1 - 1e-9)

    def _by_product(self) -> torch.Tensor:
        """Return the radii (n, c) that the layers' constants prove (section 4.3), to begin with."""
        network = self.proof.network
        logits = network.logits(network.hidden(self.images), self.images)
        value = (self.leads @ logits[:, :, None])[:, :, 0] - self.proof.lead_off
        apart = (self.leads @ network.weights[-1]).norm(dim=2) * self.proof.before * (1 + 1e-9)
        whole = self.images.shape[1] ** 0.5  # the box is no larger
        radius: torch.Tensor = value.clamp_min(0) / apart.clamp_min(torch.finfo(apart.dtype).tiny)
        return radius.clamp_max(whole)

    def _try(self, at: torch.Tensor, radius: torch.Tensor, proved: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        """Try to prove ``radius`` of the images ``at``; note it in ``proved``; return by what to try another (a,)."""
        proof, network = self.proof, self.proof.network
        todo = proved[at] < radius[:, None]
        place, rival = todo.nonzero(as_tuple=True)
        images, leads, far = self.images[at[place]], self.leads[at[place], rival], radius[place]
        own = at[place], rival
        # what was tried and not proved was a larger radius: whatever is misread within this one lies in its ranges too
        ranges = [
            (torch.maximum(low[place], left[0][own]), torch.minimum(high[place], left[1][own]))
            for (low, high), left in zip(
                reach(network, Ball(self.images[at], radius), network.hidden(self.images[at])), self._left, strict=True
            )
        ]
        points = closest_points(network, images, leads, far, start=change[own], steps=_STEPS, boundary=False)
        good, ratio = proof.holds(images, leads, far, points, ranges)
        proved[own] = torch.where(good, far, proved[own])
        change[own] = points.change
        for left, narrow in zip(self._left, ranges, strict=True):
            for side, values in zip(left, narrow, strict=True):
                side[own] = torch.where(good[:, None], side[own], values)
        return torch.ones_like(radius).scatter_reduce(0, place[~good], ratio[~good].sqrt(), "amin")

    def _nearest(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the distances (n,) of the nearest boundaries found, and the changes (n, c, m) to look on from."""
        count, rivals = self.leads.shape[:2]
        images = self.images[:, None].expand(-1, rivals, -1).flatten(0, 1)
        leads = self.leads.flatten(0, 1)
        nearest = images.new_full((count,), images.shape[1] ** 0.5)  # nothing in the box is farther
        change = torch.zeros_like(images)
        for steps in (4, 8, _STEPS):  # the others need not be looked for beyond the nearest
            far = nearest[:, None].expand(-1, rivals).flatten()
            points = closest_points(self.proof.network, images, leads, far, start=change, steps=steps, boundary=True)
            change = points.change
            _, value = lead_and_gradient(self.proof.network, images + change, leads)
            distance = change.norm(dim=1)
            there = value <= 1e-2 * points.multiplier * distance.square()
            found = torch.where(there, distance, torch.inf).reshape(count, rivals).amin(dim=1)
            nearest = torch.minimum(nearest, found * (1.02 if steps < _STEPS else 1))
        return nearest, change.reshape(count, rivals, -1)
