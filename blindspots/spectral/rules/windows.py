"""The windows of a pooling layer along one axis: which inputs each of them holds."""

from dataclasses import dataclass
from typing import Any

import torch

from blindspots.spectral.matrix.bound import Bound
from blindspots.spectral.matrix.norm import linear_norm
from blindspots.spectral.rules.layer_inputs import per_axis

_DENSE = 1 << 22
"""Entries of the largest matrix that is written out."""


@dataclass(frozen=True)
class Windows:
    """The windows along one axis of ``size`` inputs; places and taps (windows, taps) int64 and bool."""

    size: int
    places: torch.Tensor
    """The input under each tap; meaningless outside."""
    inside: torch.Tensor
    """Whether the tap lies on an input rather than on padding."""
    reach: torch.Tensor
    """How many places between the padding's two ends each window holds (windows,): all its taps but at a ragged end."""

    @property
    def held(self) -> torch.Tensor:
        """How many inputs each window holds (windows,)."""
        return self.inside.sum(dim=1)

    def totals(self, weights: torch.Tensor) -> torch.Tensor:
        """Return the sum of the ``weights`` (windows,) of the windows that each input lies in (size,)."""
        spread = weights[:, None].expand_as(self.places)[self.inside]
        return weights.new_zeros(self.size).index_add(0, self.places[self.inside], spread)

    def overlap(self) -> int:
        """Return the largest number of windows that one input lies in."""
        return int(self.totals(torch.ones(len(self.places), dtype=torch.int64)).max())

    def norm(self, weights: torch.Tensor) -> Bound:
        """Return the norm of the matrix (windows, size) that sums each window's inputs times its weight >= 0.

        Long axes, whose matrix isn't written out, are bounded by Schur's test, the root of the largest row sum times
        the largest column sum, and from below by a constant input.
        """
        if len(self.places) * self.size > _DENSE:
            rows = weights * self.held
            slack = (len(self.places[0]) + len(self.places)) * torch.finfo(torch.float64).eps
            upper = float((rows.max() * self.totals(weights).max()).sqrt()) * (1 + slack)
            lower = float(rows.norm()) / self.size**0.5 * (1 - slack)
            return Bound(min(lower, upper), upper, "Schur's test")
        windows = torch.arange(len(self.places))[:, None].expand_as(self.places)
        matrix = weights.new_zeros(len(self.places), self.size)
        values = weights[:, None].expand_as(self.places)
        matrix.index_put_((windows[self.inside], self.places[self.inside]), values[self.inside], accumulate=True)
        return linear_norm(matrix)


def slid(layer: Any, sizes: tuple[int, ...], windows: tuple[int, ...]) -> list[Windows]:
    """Return the windows along each axis of a pooling ``layer`` that slides them over an input of those ``sizes``."""
    dims = len(sizes)
    kernel = per_axis(layer.kernel_size, dims)
    stride = kernel if layer.stride is None else per_axis(layer.stride, dims)
    padding, dilation = per_axis(getattr(layer, "padding", 0), dims), per_axis(getattr(layer, "dilation", 1), dims)
    axes = zip(sizes, windows, kernel, stride, padding, dilation, strict=True)
    return [
        sliding(size, count, kernel=taps, stride=step, padding=margin, dilation=gap)
        for size, count, taps, step, margin, gap in axes
    ]


def sliding(size: int, windows: int, *, kernel: int, stride: int, padding: int, dilation: int = 1) -> Windows:
    """Return so many ``windows`` that start ``stride`` apart, the first at ``-padding``, on ``size`` inputs."""
    starts = torch.arange(windows)[:, None] * stride - padding
    places = starts + dilation * torch.arange(kernel)
    reach = (starts[:, 0] + kernel).clamp_max(size + padding) - starts[:, 0]
    return Windows(size, places, (places >= 0) & (places < size), reach)


def adaptive(size: int, windows: int) -> Windows:
    """Return so many ``windows``, spread evenly over ``size`` inputs as torch's adaptive pooling spreads them."""
    index = torch.arange(windows)
    starts, ends = index * size // windows, -((index + 1) * -size // windows)
    places = starts[:, None] + torch.arange(int((ends - starts).max()))
    return Windows(size, places, places < ends[:, None], ends - starts)
