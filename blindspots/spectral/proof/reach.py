"""How far a sigmoid network's weighted sums can move while the image moves within a ball and the box."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from blindspots.spectral.proof.curvature import Range, sigmoid_ranges
from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork, slope

_ROUNDED_UP = 1 + 1e-9


@dataclass(frozen=True)
class Ball:
    """Images within ``radius`` of a centre and in the box [0, 1], one such set a row."""

    centre: torch.Tensor
    """(n, m) float64 in [0, 1]."""
    radius: torch.Tensor
    """(n,) Euclidean."""

    @property
    def low(self) -> torch.Tensor:
        """(n, m): the most negative change of each value."""
        return torch.maximum(-self.centre, -self.radius[:, None])

    @property
    def high(self) -> torch.Tensor:
        """(n, m): the largest change of each value."""
        return torch.minimum(1 - self.centre, self.radius[:, None])

    def largest(self, directions: torch.Tensor) -> torch.Tensor:
        """Return upper bounds (n, c) of ``<directions, change>`` over the set; ``directions``: (n or 1, c, m).

        By duality: for every mu > 0 the maximum is at most ``sum_i max(d_i t - mu t^2 / 2) + mu r^2 / 2``, t being the
        change of value i. All terms are at least 0, so that rounding adds a relative error below 1e-9. Taken is the
        better of two mu: the one that is right where nothing but values at the border is held back by the box, and the
        one that is right for the values that are held back at the first.
        """
        low, high, radius = self.low[:, None], self.high[:, None], self.radius[:, None]
        # without the box the maximum is |d| r, at t = d / mu with mu = |d| / r; values that cannot move there are out
        able = torch.where(directions > 0, high > 0, low < 0)
        best = directions.mul(able).norm(dim=2) * radius
        mu = (best / radius.square().clamp_min(1e-300))[..., None].clamp_min(1e-300)
        change = torch.clamp(directions / mu, low, high)
        # those held back by the box use up their part of r^2; the others share the rest, with a mu of their own
        held = (change == low) | (change == high)
        rest = (radius.square() - (change * held).square().sum(dim=2)).clamp_min(0)
        free = directions.mul(~held).square().sum(dim=2)
        again = torch.where((rest > 0) & (free > 0), (free / rest.clamp_min(1e-300)).sqrt(), mu[..., 0])[..., None]
        change = torch.clamp(directions / again, low, high)
        bound = (directions * change - again / 2 * change.square()).sum(dim=2) + again[..., 0] / 2 * radius.square()
        return torch.minimum(best, bound) * _ROUNDED_UP


def reach(network: SigmoidNetwork, ball: Ball, hidden: Sequence[torch.Tensor]) -> list[Range]:
    """Return the least and the largest value of each hidden layer's weighted sums in ``ball``: two (n, units) a layer.

    ``hidden``: the sums at the centres. Through a layer's sigmoids goes one line of the chord's slope on the range,
    and what the sigmoid departs from it at most; the lines of all layers make one linear map of the change, which
    depends on the image, and the rest is a box, which interval arithmetic takes on. The second layer's sums are bounded
    by parabolas as well, whose forms of all changes together are much less than the sum of each one's worst.
    """
    errors, _ = network.rounding()
    ranges: list[Range] = []
    if not hidden:
        return ranges
    matrix = network.weights[0][None]
    below = above = torch.zeros_like(hidden[0])
    rows = network.weights[0].norm(dim=1)  # no row of the maps to come is longer
    for place, centre in enumerate(hidden):
        off = errors[place] + 1e-9 * ball.radius[:, None] * rows
        low = centre - ball.largest(-matrix) + below - off
        high = centre + ball.largest(matrix) + above + off
        if place == 1:
            least, most = _by_parabolas(network, ball, hidden, ranges[0])
            low, high = torch.maximum(low, least - off), torch.minimum(high, most + off)
        ranges.append((low, high))
        if place + 1 == len(hidden):
            break
        weight = network.weights[place + 1]
        # s(z) - s(p) = chord (z - p) + [least, most]: the first goes on as the linear map, the second as a box
        chord, least, most = _around_chord(centre, low, high)
        least, most = least + chord * below, most + chord * above
        plus, minus = weight.clamp_min(0).T, weight.clamp_max(0).T
        below, above = least @ plus + most @ minus, most @ plus + least @ minus
        matrix = (weight * chord[:, None]) @ matrix
        rows = weight.abs() @ rows / 4
    return ranges


def _by_parabolas(network: SigmoidNetwork, ball: Ball, hidden: Sequence[torch.Tensor], first: Range) -> Range:
    """Return bounds (n, units) of the second layer's sums: tangents at the centres, and what departs from them.

    With ``|d_i| z_i^2 / 2`` no less than what unit i departs by, the sum is at most ``r^2 / 2`` times the norm of
    ``W' D W``, which is no larger than its Frobenius norm, the root of ``sum_ij D_i D_j <w_i, w_j>^2``.
    """
    before, weight = network.weights[:2]
    squares = (before @ before.T).square()
    _, (least, most) = sigmoid_ranges(hidden[0], *first)
    matrix = (weight * slope(hidden[0])[:, None]) @ before
    ends = []
    for sign in (-1, 1):
        departing = torch.maximum(sign * weight * least[:, None], sign * weight * most[:, None]).clamp_min(0)
        norm = ((departing @ squares) * departing).sum(dim=2).sqrt()
        rest = ball.radius[:, None].square() / 2 * norm * _ROUNDED_UP
        ends.append(hidden[1] + sign * (ball.largest(sign * matrix) + rest))
    return ends[0], ends[1]


def _around_chord(
    centre: torch.Tensor, low: torch.Tensor, high: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a slope c, and the range of ``s(z) - s(centre) - c (z - centre)`` for z in [low, high].

    The extremes are at the ends or where the sigmoid's slope is c, which is at plus and minus one and the same z.
    """
    wide = (high - low).clamp_min(1e-6)
    chord = torch.where(high - low > 1e-6, (torch.sigmoid(high) - torch.sigmoid(low)) / wide, slope(centre))
    chord = chord.clamp(0, 0.25)
    root = (1 - 4 * chord).clamp_min(0).sqrt()
    place = torch.log1p(root) - torch.log1p(-root.clamp_max(1 - 1e-16))
    at = torch.stack([low, high, torch.clamp(place, low, high), torch.clamp(-place, low, high)])
    departure = torch.sigmoid(at) - torch.sigmoid(centre) - chord * (at - centre)
    return chord, departure.amin(dim=0) - 1e-9, departure.amax(dim=0) + 1e-9
