"""Parts of a ball in which a network is linear: the best multipliers of their splits, exactly.

There the nearest image whose lead is not above 0 is the solution of a least-distance program, ``least |r| with
G r >= h``: the lead's plane, the splits and the box are its rows. Its multipliers are those of a problem of
non-negative least squares (Lawson and Hanson 1974, chapter 23), which a finite number of steps solves. They are of use
for the bound whatever rounding did to them, as any others would be.
"""

from dataclasses import replace

import torch

from blindspots.spectral.relaxation.backward import backwards, backwards_from_values, lines
from blindspots.spectral.relaxation.pieces import Pieces
from blindspots.spectral.relaxation.slopes import Parts

_ROWS = 200
"""Of a program, at the most: beyond it takes longer than it is worth."""
_LARGE = 1e6
"""In the place of infinite multipliers, where the splits alone leave no image."""


def with_best_multipliers(network: Pieces, parts: Parts, floor: torch.Tensor) -> tuple[Parts, torch.Tensor]:
    """Return parts in which every rectifier is on or off with the best multipliers, and where they lead, (n, p).

    ``floor``: (n,) what leads are to come down to. Parts of too many values and splits are returned as they are, with
    changes of 0.
    """
    changes = torch.zeros_like(parts.box.low)
    multipliers = {place: each.clone() for place, each in parts.multipliers.items()}
    for number in range(len(floor)):
        one = parts.at(torch.tensor([number], device=floor.device))
        count = sum(int((each != 0).sum()) for each in one.splits.values())
        if 1 + count + 2 * changes.shape[1] > _ROWS:
            continue
        forms, gaps, owners = _rows(network, one, float(floor[number]))
        found = _least_distance(forms, gaps)
        if found is None:
            continue
        change, shares = found
        changes[number] = change
        for (place, unit), share in zip(owners, (shares[1:] / shares[0].clamp_min(1e-300)).tolist(), strict=False):
            multipliers[place][number].view(-1)[unit] = min(share, _LARGE)
    return replace(parts, multipliers=multipliers), changes


def _rows(network: Pieces, one: Parts, floor: float) -> tuple[torch.Tensor, torch.Tensor, list[tuple[int, int]]]:
    """Return G and h of one part's program, the lead first and the box last, and which rectifier's each split is."""
    around = {place: lines(low, high) for place, (low, high) in one.ranges.items()}
    image = one.box.images[0]
    lead = backwards(network, len(network.nodes) - 1, one.rows[:, None], around)
    forms = [-lead.image[0]]
    gaps = [(lead.constant[0] + lead.image[0] @ image) - floor]
    owners: list[tuple[int, int]] = []
    for place, split in one.splits.items():
        units = (split[0].flatten() != 0).nonzero()[:, 0]
        if not len(units):
            continue
        form = backwards_from_values(network, network.nodes[place].inputs[0], units, 1.0, around)
        sign = split[0].flatten()[units]
        forms.append(sign[:, None] * form.image[0])
        gaps.append(-sign * (form.constant[0] + form.image[0] @ image))
        owners += [(place, int(unit)) for unit in units]
    eye = torch.eye(len(image), dtype=image.dtype, device=image.device)
    return torch.cat([*forms, eye, -eye]), torch.cat([*gaps, one.box.low[0], -one.box.high[0]]), owners


def _least_distance(forms: torch.Tensor, gaps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return the least r (p,) with ``forms r >= gaps``, and the multipliers (s,), to a common factor.

    Where no r is there, multipliers that show it and an r of 0. None where the solver gives up.
    """
    from scipy.optimize import nnls  # a third of a second, where it is wanted

    # rows of very different lengths would make it end too soon
    length = forms.norm(dim=1).clamp_min(1e-300)
    system = torch.cat([(forms / length[:, None]).T, (gaps / length)[None]]).cpu().numpy()
    wanted = torch.zeros(system.shape[0], dtype=torch.float64).numpy()
    wanted[-1] = 1.0
    try:
        shares, _ = nnls(system, wanted)
    except RuntimeError:
        return None
    left = system @ shares - wanted
    multipliers = torch.from_numpy(shares).to(forms.device) / length
    if left[-1] > -1e-12:
        return torch.zeros_like(forms[0]), multipliers
    change = torch.from_numpy(-left[:-1] / left[-1]).to(forms.device)
    return change, multipliers
