"""The proof from the layers' product: an image is misread only where another class has caught up with its label's lead.

With f the logits, y the label and j another class, let the lead ``f_y - f_j`` change by at most ``L_yj`` for a unit of
the image's Euclidean norm. Then j cannot overtake y within ``(f_y - f_j) / L_yj`` of the image (section 4.3; Tsuzuku,
Sato and Sugiyama 2018, proposition 1, with one constant ``sqrt(2) L`` for all pairs). What computes the logits and the
constants is not exact: how much is taken off for that, an :class:`Allowance` says.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from blindspots.spectral.matrix.bound import times

_STATED = 1e-9
_MARGIN = 1024
_LARGEST = 1e300


@dataclass(frozen=True)
class Allowance:
    """What a proof takes off for rounding."""

    logits: torch.Tensor
    """(k,) how far each logit can be off."""
    constants: float = 1.0
    """What each constant is multiplied by; 1 where it is rounded up already."""

    @classmethod
    def stated(cls, logits: torch.Tensor, moves: torch.Tensor, *, jumps: float = 0.0) -> "Allowance":
        """Return what float64 may put off logits (n, k) of any network, by measure: stated and tested, not proved.

        1e-9 of the largest of them, and at least 1024 times what a unit of float64 on every weight and pixel comes to:
        2^-29 of the ``moves`` (n, 1) by units of float32. Tests hold a hundredth of that against exact sums. Of each
        constant 1e-9. ``jumps``: how far all logits together lie, in their norm, at most off those of a network of
        which the constants hold, at the image and at any other.
        """
        margin = torch.maximum(_STATED * logits.abs().max(), _MARGIN * 2.0**-29 * moves.max())
        # a lead is off by sqrt(2) times as much at most, here and there, and two of these are taken off it
        margin = margin + min(math.sqrt(2) * jumps, _LARGEST) * (1 + _STATED)
        return cls(margin.expand(logits.shape[1]), 1 + _STATED)

    @classmethod
    def proved(cls, errors: torch.Tensor) -> "Allowance":
        """Return what is proved of each logit, ``errors`` (k,), and 1e-9 of each constant."""
        return cls(errors, 1 + _STATED)


@dataclass(frozen=True)
class Leads:
    """How fast the logits' leads over each other can change, and what is allowed for rounding."""

    constants: torch.Tensor
    """(k, k) L_yj, in logits per unit of the image's Euclidean norm."""
    allowance: Allowance

    def radius(self, logits: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor | None = None) -> torch.Tensor:
        """Return the Euclidean radii (n,) within which no image is read as another class, or as its target.

        ``logits``: (n, k) float64 at the images; ``labels`` and ``targets``: (n,) int64. Of all classes j the one that
        could catch up first counts; a target has to overtake every rival, so that the one that holds out longest
        counts. 0 where the image is misread, or read as the target, already; infinity where no lead ever changes. Not
        rounded down yet: the radius is off by a few units.
        """
        own = (labels if targets is None else targets)[:, None]
        leads = logits.gather(1, own) - logits
        if targets is not None:
            leads = -leads  # of each rival over the target
        # (f_y - e_y) - (f_j + e_j): what is left of a lead if both logits are off as far as they can be
        leads = leads - self.allowance.logits[own] - self.allowance.logits
        fast = self.constants[own[:, 0]] * self.allowance.constants
        ratio = torch.where(fast > 0, leads / fast, torch.where(leads > 0, torch.inf, 0))
        if targets is None:
            return ratio.scatter(1, own, torch.inf).amin(dim=1).clamp_min(0)
        return ratio.scatter(1, own, 0).amax(dim=1).clamp_min(0)


def lead_constants(last: nn.Module | None, logits: torch.Tensor, *, own: float, before: float) -> torch.Tensor:
    """Return how fast each logit's lead over each other can change (k, k): L_yj of the module's text.

    ``last``: the network's last layer, or None where nothing is known of it; ``own``: its constant; ``before``: that of
    all before it, so that ``own * before`` is the network's. A linear layer with the rows w leads by
    ``<w_y - w_j, .>``: its part is ``||w_y - w_j||``. Of another one, two logits can move against each other, by
    ``sqrt(2)`` times what the layer can move. ``logits``: (n, k), whose dtype and device the constants have.
    """
    if type(last) is nn.Linear:
        apart = _distances(last.weight.detach().double())
    else:
        apart = logits.new_full((logits.shape[1], logits.shape[1]), times(math.sqrt(2), own))
    if before == 0:
        return torch.zeros_like(apart)
    product = apart * before  # infinite where it underflows, and 0 where nothing comes apart at all
    product = product.masked_fill(product < torch.finfo(torch.float64).tiny, torch.inf)
    return product.masked_fill(apart == 0, 0.0)


def _distances(weight: torch.Tensor) -> torch.Tensor:
    """Return how far the rows of ``weight`` (k, n) float64 lie apart (k, k), at the least.

    Sums of n squares and their roots are off by a share of n / 2 units and a few. The 1e-9 by which every radius is
    rounded down make up for 4 million of them; beyond, the distances are rounded up. Squares that underflow take at
    most ``sqrt(n)`` times 2^-511 off, which is added: 0 is the distance of equal rows alone.
    """
    size = weight.shape[1]
    apart = torch.cdist(weight, weight, compute_mode="donot_use_mm_for_euclid_dist")
    off = (size + 16) * torch.finfo(torch.float64).eps
    if off > _STATED:
        apart = apart * (1 + off)
    none = apart == 0
    if int(none.sum()) > len(weight):
        _, same = torch.unique(weight, dim=0, return_inverse=True)
        none = same[:, None] == same
    return (apart + math.sqrt(size) * 2.0**-511).masked_fill(none, 0.0)
