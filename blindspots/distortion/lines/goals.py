"""Other images than the one at hand: where lines to a class begin when no gradient leads to it."""

import torch

from blindspots.distortion.attempt import Attempt

_NEIGHBOURS = 8
_GREYS = (0.0, 0.25, 0.5, 0.75, 1.0)
_STRENGTHS = (0.03, 0.1, 0.3)
_DRAWN = 24
"""Pictures of noise: half of them grey, half black and white."""


def pictures_in_the_box(rows: torch.Tensor, *, drawn: int = _DRAWN) -> torch.Tensor:
    """Return (g, m) pictures of no data set, the same for every image: plain ones, and ``drawn`` of noise."""
    size = rows.shape[1]
    random = torch.Generator().manual_seed(0)
    plain = torch.tensor(_GREYS, device="cpu", dtype=torch.float32)[:, None].expand(-1, size)
    noise = torch.rand(drawn, size, generator=random, device="cpu", dtype=torch.float32)
    noise[drawn // 2 :] = noise[drawn // 2 :].round()
    return torch.cat([plain, noise]).to(rows)


def goals_of(
    attempt: Attempt, image: int, *, most: int = _NEIGHBOURS, drawn: int = _DRAWN
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pictures (g, m) nearest to an image that are read as wanted, and as what (g,); ``most`` at most.

    Those of the batch, the image's negative, plain pictures and noise, alone (``drawn``) and upon the image.
    """
    row = attempt.rows[image]
    made = torch.cat([1 - row[None], pictures_in_the_box(attempt.rows, drawn=drawn), _around(row)])
    read = torch.cat([attempt.clean, attempt.classifier.logits(made).argmax(dim=1)])
    others = torch.cat([attempt.rows, made])
    one = torch.full_like(read, image)
    found = attempt.wanted.take(one).reached(read).nonzero()[:, 0]
    away = (others[found] - row).norm(dim=1)
    near = found[away.topk(min(most, len(found)), largest=False).indices]
    return others[near], read[near]


def _around(row: torch.Tensor) -> torch.Tensor:
    """Return (g, m) the image (m,) under noise of several strengths."""
    random = torch.Generator().manual_seed(1)
    drawn = torch.randn(len(_STRENGTHS), _DRAWN, len(row), generator=random, device="cpu", dtype=torch.float32)
    strengths = torch.tensor(_STRENGTHS, device="cpu", dtype=torch.float32)[:, None, None]
    return (row + strengths.to(row) * drawn.to(row)).clamp(0, 1).flatten(0, 1)
