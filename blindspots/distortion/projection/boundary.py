"""How far beyond a class boundary a point must be to count as beyond it in any batch."""

import torch

RELATIVE = {torch.float32: 1e-5, torch.float64: 1e-9}
LEAST_TINIES = 4
"""So many of a dtype's least normal numbers is a margin at least: half of it is more than nothing, too."""


def margin(norm: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Return the lead that a search aims for: ``norm`` is the length of the lead's gradient, (n,) or (n, c).

    A logit changes by a few units of rounding when the same row is computed in another batch, so a lead just above 0
    can flip. The aim is about a hundred roundings of a perturbation of length 1, in terms of the lead's gradient (so
    that it costs the same distance for every model), and never less than some roundings of the logits (n, k).
    """
    floor = rounding_margin(logits)
    return relative_margin(norm) + (floor[:, None] if norm.dim() == 2 else floor)


def relative_margin(norm: torch.Tensor) -> torch.Tensor:
    """Return the part of the margin that is relative to the length of the lead's gradient."""
    return RELATIVE[norm.dtype] * norm


def rounding_margin(logits: torch.Tensor) -> torch.Tensor:
    """Return the part of the margin (n,) that rounding of the logits (n, k) makes necessary; it is never 0.

    Where all logits are 0, as behind a rectifier, no class leads, and nothing is beyond a boundary.
    """
    limits = torch.finfo(logits.dtype)
    return (32 * limits.eps * logits.abs().amax(dim=1)).clamp_min(LEAST_TINIES * limits.tiny)


def enough(aim: torch.Tensor) -> torch.Tensor:
    """Return the lead from which a point counts as beyond the boundary, a little less than the search aims for."""
    return aim / 2
