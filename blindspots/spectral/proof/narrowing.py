"""Where the misread images of a ball could be at all: what a quadratic lower bound of a lead leaves of their ranges.

With p, eta, P and g as in :mod:`.local` and :mod:`.curvature`, an image
``p + d`` within r of x at which g is at most 0 obeys, a being the change p - x,

- ``|a + d|^2 <= r^2``, and
- ``g(p) - e - eta <a, d> - 1/2 d' P d <= 0``, where e makes up for p's being least only nearly.

For every t in [0, 1 / |P|) the first plus 2 t times the second says that d lies in an ellipsoid (the S-procedure)::

    d' N d + 2 (1 - t eta) <a, d> <= r^2 - |a|^2 - 2 t (g(p) - e),    N = I - t P.

If it is empty for some t, no image is misread: the lead is proved. If not, the ellipsoid is still far smaller than the
ball where P has few large eigenvalues: ranges shrink, and with them P, in turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from blindspots.spectral.proof.curvature import Frame, Range, decomposition_off, sigmoid_ranges
from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork, slope

_SHARES = (0.0, 0.25, 0.5, 0.7, 0.85, 0.95, 0.999)
"""Values of t tried, as shares of 1 / |P|."""
_ROOM = 1e-9
"""For rounding: a share of r^2 on the ellipsoids, of the ranges' widths and of what is summed up.

A sum of n terms is off by n units of 1.1e-16 of their absolute values: this is ten times that for a million of them.
"""


@dataclass(frozen=True)
class Ellipsoids:
    """For p pairs and each t one ellipsoid of changes from a point, in coordinates in which P is diagonal."""

    axes: torch.Tensor
    """(p, u, u): the coordinates' axes, as columns in the frame's coordinates."""
    centre: torch.Tensor
    """(t, p, u)."""
    stretch: torch.Tensor
    """(t, p, u): the diagonal of N^-1."""
    square: torch.Tensor
    """(t, p): what ``d' N d`` is at most, d from the centre; below 0 where the ellipsoid is empty."""
    curved: torch.Tensor
    """(p,): P's largest eigenvalue."""

    @property
    def empty(self) -> torch.Tensor:
        """(p,): some ellipsoid is empty."""
        return (self.square < 0).any(dim=0)

    def extents(self, maps: torch.Tensor) -> Range:
        """Return the least and the largest value of linear ``maps`` (p or 1, u, c) of the frame: (p, c) each."""
        turned = self.axes.mT @ maps
        squares = turned.square()
        # over an ellipsoid a linear map m is within <m, c> -+ sqrt(m' N^-1 m square), by Cauchy and Schwarz: (p, t, c)
        centre = self.centre.movedim(0, 1)
        middle = centre @ turned
        half = ((self.stretch.movedim(0, 1) @ squares) * self.square.clamp_min(0).T[:, :, None]).sqrt()
        room = _ROOM * (half + squares.sum(dim=1).sqrt()[:, None] * centre.norm(dim=2, keepdim=True))
        return (middle - half - room).amax(dim=1), (middle + half + room).amin(dim=1)


def ellipsoids(
    form: torch.Tensor,
    change: torch.Tensor,
    frame: Frame,
    *,
    radius: torch.Tensor,
    multiplier: torch.Tensor,
    lead: torch.Tensor,
) -> Ellipsoids:
    """Return the ellipsoids of the module's text for P ``form`` (p, u, u), a ``change`` (p, m), g(p) - e ``lead`` (p,).

    ``radius``: (p,) r; ``multiplier``: (p,) eta.
    """
    values, axes = torch.linalg.eigh(form)
    # P is rounded up by 1e-9 of all that it is summed up from: eigenvalues that are off by more are raised
    off = decomposition_off(form, values, axes)
    values = values + torch.where(off > 1e-10 * values.abs().amax(dim=1), off, 0)[:, None]
    seen = (axes.mT @ (change @ frame.basis.T)[:, :, None])[:, :, 0]
    whole = change.square().sum(dim=1)
    unseen = (whole - seen.square().sum(dim=1)).clamp_min(0)
    most = 1 / values[:, -1].clamp_min(1e-9)
    centres, stretches, squares = [], [], []
    for share in _SHARES:
        # N = I - t P is diagonal, 1 / stretch, where P is, and 1 on what the frame does not see. With l = 1 - t eta
        # (d - c)' N (d - c) <= r^2 - |a|^2 - 2 t (g(p) - e) + l^2 a' N^-1 a,    c = -l N^-1 a
        t = torch.minimum(share * most, 1 / multiplier)
        stretch = 1 / (1 - t[:, None] * values)
        left = 1 - t * multiplier
        square = left.square() * ((seen.square() * stretch).sum(dim=1) + unseen)
        square = square + radius.square() - whole - 2 * t * lead + _ROOM * radius.square()
        centres.append(-left[:, None] * stretch * seen)
        stretches.append(stretch)
        squares.append(square)
    return Ellipsoids(axes, torch.stack(centres), torch.stack(stretches), torch.stack(squares), values[:, -1])


def narrowed(
    network: SigmoidNetwork, hidden: Sequence[torch.Tensor], ranges: Sequence[Range], frame: Frame, where: Ellipsoids
) -> list[Range]:
    """Return the ``ranges`` of each layer's weighted sums, cut to what the ellipsoids leave; ``hidden``: those at p.

    Each layer's sums are a linear map of d, by the sigmoids' slopes at p, and a rest, for which the parabolas through
    the sigmoids at p and interval arithmetic give bounds.
    """
    result: list[Range] = []
    if not hidden:
        return result
    maps = frame.columns[None]
    below = above = torch.zeros_like(hidden[0])
    for place, centre in enumerate(hidden):
        low, high = where.extents(maps)
        size = network.weights[place].abs().sum(dim=1) + network.biases[place].abs()
        room = _ROOM * (size + below.abs() + above.abs())
        low, high = low + below - room, high + above + room
        least = torch.maximum(ranges[place][0], torch.minimum(centre + low, ranges[place][1]))
        most = torch.maximum(torch.minimum(ranges[place][1], centre + high), least)
        result.append((least, most))
        if place + 1 == len(hidden):
            break
        weight = network.weights[place + 1]
        # s(z) - s(p) lies within s'(p) (z - p) + bend (z - p)^2 / 2: the linear part goes into the next layer's map of
        # d, what is left into below and above
        first = slope(centre)
        _, bends = sigmoid_ranges(centre, least, most)
        far = torch.maximum((least - centre).square(), (most - centre).square()) / 2
        under = first * below + bends[0].clamp_max(0) * far - _ROOM
        over = first * above + bends[1].clamp_min(0) * far + _ROOM
        plus, minus = weight.clamp_min(0).T, weight.clamp_max(0).T
        below, above = under @ plus + over @ minus, over @ plus + under @ minus
        maps = maps * first[:, None] @ weight.T
    return result
