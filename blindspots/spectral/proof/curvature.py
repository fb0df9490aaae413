"""How strongly a lead of a sigmoid network's logits can curve downwards within a range of its weighted sums.

Around a point p a lead g (one logit less another) obeys ``g(x) >= g(p) + <g'(p), x - p> - c/2 |x - p|^2`` with a c that
is sought here, or rather a form in its place: not the largest curvature anywhere but, neuron by neuron, that of the
parabola through the sigmoid at p that stays on the right side of it in the neuron's range. From the logits backwards,
what is subtracted is a quadratic form of each layer's changes:

- through a layer of sigmoids, the change h of an output is ``s(p) z`` and a remainder between two parabolas of the
  change z of its weighted sum; and h is also ``t z`` with a slope t of secants from p, known to within ``tau`` of a
  middle value m. So a form ``h' Q h`` is at most, for every diagonal K > Q (the S-procedure on the remainders h - m z),
  ``z' (K tau^2 + m (Q + Q (K - Q)^-1 Q) m) z``;
- through a layer of weights, ``z = W h`` of the layer before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork, slope

_POINTS = 17
"""A neuron's range is looked at in so many points."""
_NEAR = 0.02
"""Nearer to the point than this, secants are not divided out but taken from derivatives."""
_THIRD, _FOURTH = 0.1251, 0.1279
"""No third and fourth derivative of a sigmoid is larger: 1/8, and 0.12769 on a grid of sigmoids 5e-7 apart."""
_MULTIPLES = (1.4, 2.0, 3.0, 6.0)
"""K is tried as these multiples of the largest eigenvalue of Q."""

Range = tuple[torch.Tensor, torch.Tensor]
"""The least and the largest."""


@dataclass(frozen=True)
class Frame:
    """The first layer's weights W (units, m) as ``F' B``, B of orthonormal rows: what of a change it sees."""

    columns: torch.Tensor
    """F (u, units)."""
    basis: torch.Tensor
    """B (u, m)."""

    @classmethod
    def of(cls, network: SigmoidNetwork) -> "Frame":
        """Return the frame of ``network``; one without a hidden layer sees nothing that could curve."""
        weight = network.weights[0]
        if len(network.weights) == 1:
            return cls(torch.zeros_like(weight[:1, :1]), torch.zeros_like(weight[:1]))
        basis, columns = torch.linalg.qr(weight.T)
        return cls(columns, basis.T)


def curvature(
    network: SigmoidNetwork, hidden: Sequence[torch.Tensor], lead: torch.Tensor, ranges: Sequence[Range], frame: Frame
) -> torch.Tensor:
    """Return P (n, u, u), in the frame's coordinates, for points p with the weighted sums ``hidden`` [(n, units)].

    ``g(x) >= g(p) + <g'(p), d> - 1/2 <B d, P B d>`` with d = x - p, for x whose weighted sums are within ``ranges``:
    least and largest of each layer. ``lead``: (n, k), the logits' weights in g. Rounded up by a multiple of the
    identity: by 1e-9 of the norms of all terms. Sums of n of them are off by n units of 1.1e-16, a tenth of that for a
    million; what eigenvalues and gradients are off is measured or bounded, and where it is more, so much is added.
    """
    if not hidden:
        return lead.new_zeros(len(lead), 1, 1)
    steep = network.steepness(hidden, lead)
    form = lead.new_zeros(len(lead), 1, 1)
    norms = lead.new_zeros(len(lead))
    wrong = network.steepness_off(network.rounding()[0])
    for place in range(len(hidden) - 1, -1, -1):
        # outputs are dg/dh at p: unit i adds outputs_i bend_i z_i^2 / 2 to g, and so takes at most own_i z_i^2 / 2 off
        secants, bends = sigmoid_ranges(hidden[place], *ranges[place])
        outputs = steep[place + 1]
        own = -torch.minimum(outputs * bends[0], outputs * bends[1])
        after = frame.columns if place == 0 else network.weights[place].T
        if place == len(hidden) - 1:
            form = (after * own[:, None]) @ after.T
        else:
            form, norms = _least(form, own, secants, after)
        # as large as to make up for gradients whose terms all but cancel, and are off by more than 1e-9 of what is left
        norms = (norms + outputs.norm(dim=1).clamp_min(1e9 * float(wrong[place + 1].norm()))) * after.square().sum()
    return (form + form.mT) / 2 + 1e-9 * norms[:, None, None] * torch.eye(
        len(after), dtype=form.dtype, device=form.device
    )


def _least(form: torch.Tensor, own: torch.Tensor, secants: Range, after: torch.Tensor) -> Range:
    """Return, in terms of what ``after`` (u, units) maps from, the form with the least top eigenvalue, and its norm.

    ``form``: (n, units, units) Q; ``own``: (n, units), the parabolas'. The caller adds 1e-9 of the norm (n,) of the
    terms, squared norms of ``after`` included, for rounding. An error of Q's eigenvalues comes out at most
    ``(1.4 / 0.4)^2`` times as large: if it is measured as more than 1e-11 of them, the norm is raised to cover it.
    """
    # Q is form, m middle, tau half the secants' width, K one number for all units: a multiple of Q's largest eigenvalue
    middle, tau = (secants[0] + secants[1]) / 2, (secants[1] - secants[0]) / 2
    form = (form + form.mT) / 2
    values, vectors = torch.linalg.eigh(form)
    off = decomposition_off(form, values, vectors)
    largest = values[:, -1:].clamp_min(0) + 1e-6 * values.abs().amax(dim=1, keepdim=True) + 1e-12
    turned = after @ (middle[:, :, None] * vectors)
    forms, tops, sizes = [], [], []
    for multiple in _MULTIPLES:
        most = multiple * largest
        curved = most * values / (most - values)  # Q + Q (K - Q)^-1 Q = K Q (K - Q)^-1 in Q's own axes
        diagonal = own + most * tau.square()
        forms.append((after * diagonal[:, None]) @ after.T + (turned * curved[:, None]) @ turned.mT)
        tops.append(torch.linalg.eigvalsh(forms[-1])[:, -1])
        sizes.append(diagonal.norm(dim=1) + curved.norm(dim=1))
    chosen, rows = torch.stack(tops).argmin(dim=0), torch.arange(len(form), device=form.device)
    beyond = torch.where(off > 1e-11 * values.abs().amax(dim=1), 2e10 * off, 0)
    return torch.stack(forms)[chosen, rows], torch.stack(sizes).amax(dim=0) + beyond


def decomposition_off(form: torch.Tensor, values: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """Return how far (n,) symmetric ``form`` (n, u, u) may be from ``V diag(values) V'`` of orthogonal V, in norm.

    Measured: the residual with the ``vectors`` as they are, and by how much those fail to be orthonormal.
    """
    identity = torch.eye(form.shape[-1], dtype=form.dtype, device=form.device)
    residual: torch.Tensor = (form - (vectors * values[:, None]) @ vectors.mT).norm(dim=(1, 2))
    slanted: torch.Tensor = (vectors.mT @ vectors - identity).norm(dim=(1, 2))
    return residual + 2 * slanted * values.abs().amax(dim=1)


def sigmoid_ranges(point: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> tuple[Range, Range]:
    """Return the ranges of ``(s(z) - s(p)) / d`` and ``2 (s(z) - s(p) - s'(p) d) / d^2``, d = z - p, z in [low, high].

    They are averages of the sigmoid's first and second derivative between p and z, with weights 1 and ``2 (1 - t)``, so
    that their own second derivatives are at most 1/3 of the greatest third and 1/6 of the greatest fourth derivative of
    the sigmoid. Between two points h apart, a function is no more than h^2 / 8 of that beyond the larger of its values.
    """
    steps = torch.linspace(0, 1, _POINTS, dtype=point.dtype, device=point.device)
    z = low[..., None] + (high - low)[..., None] * steps
    away = z - point[..., None]
    value, first = torch.sigmoid(point)[..., None], slope(point)[..., None]
    second, third = first * (1 - 2 * value), first * (1 - 6 * first)
    near = away.abs() < _NEAR
    divisor = torch.where(near, 1.0, away)
    rise = torch.sigmoid(z) - value
    secant = torch.where(near, first + away * (second / 2 + away * third / 6), rise / divisor)
    bend = torch.where(near, second + third * away / 3, 2 * (rise - first * away) / divisor.square())
    between = ((high - low) / (_POINTS - 1)).square() / 8
    off = between * _THIRD / 3 + _FOURTH * _NEAR**3 / 24 + 1e-9
    off_bend = between * _FOURTH / 6 + _FOURTH * _NEAR**2 / 12 + 1e-9
    return (
        ((secant.amin(dim=-1) - off).clamp_min(0), (secant.amax(dim=-1) + off).clamp_max(0.25)),
        (bend.amin(dim=-1) - off_bend, bend.amax(dim=-1) + off_bend),
    )
