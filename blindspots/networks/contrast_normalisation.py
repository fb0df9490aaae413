"""Contrast normalisation as the paper writes it (section 4.3)."""

import torch
from torch import nn

from blindspots.errors import InputError


class ContrastNormalisation(nn.Module):
    """Return ``x / (eps + |x|^2)^gamma``, the norm over each whole input, or over each of some groups of channels.

    ``eps`` above 0; ``gamma`` 0 or more; ``groups``: how many equal, disjoint groups the channels, the axis behind the
    batch, are shared out to, or None for the whole input. Raises InputError for numbers that aren't these.
    """

    def __init__(self, eps: float = 1.0, gamma: float = 0.5, *, groups: int | None = None) -> None:
        super().__init__()
        if not 0 < eps < float("inf"):
            raise InputError(f"eps {eps}: a finite number above 0 is wanted")
        if not 0 <= gamma < float("inf"):
            raise InputError(f"gamma {gamma}: a finite number, 0 or more, is wanted")
        if groups is not None and groups < 1:
            raise InputError(f"groups {groups}: 1 or more are wanted, or None for the whole input")
        self.eps, self.gamma, self.groups = eps, gamma, groups

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the normalised ``images`` (n, channels, ...), of the same shape."""
        if images.dim() < 2:
            raise InputError(f"images of shape {tuple(images.shape)}: (n, channels, ...) is wanted")
        groups = self.groups or 1
        if images.shape[1] % groups:
            raise InputError(f"{images.shape[1]} channels: a multiple of the {groups} groups is wanted")
        parts = images.reshape(len(images), groups, -1)
        size = self.eps + parts.square().sum(dim=2, keepdim=True)
        return (parts / size**self.gamma).reshape(images.shape)

    def extra_repr(self) -> str:
        """Return what the layer was built from."""
        return f"eps={self.eps}, gamma={self.gamma}, groups={self.groups}"
