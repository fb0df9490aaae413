"""What a network is trained on, in chunks of rows, with the first layer's products: by torch, or without the zeros."""

from typing import Protocol

import torch

from blindspots.device import batch_rows
from blindspots.training.sparse_inputs import SparseInputs

_SPARSE = 0.35
"""Share of values that are not zero, below which the sparse products are faster."""


class Inputs(Protocol):
    """Rows (n, m) in chunks, and the products of the first layer of weights with them.

    A product may be wider than the layer has units; what is beyond is zero.
    """

    rows: torch.Tensor
    """(n, m) as they were given."""
    live: torch.Tensor
    """Indices of the inputs that are not zero in every row."""
    chunks: list[slice]

    def width(self, units: int) -> int:
        """Return how wide the products of ``units`` units are."""

    def table(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the weights (units, m) as products want them."""

    def product(self, chunk: slice, table: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Return a chunk's rows times the table plus ``bias`` (width,): (rows, width)."""

    def sums(self, weight: torch.Tensor) -> torch.Tensor:
        """Return zeros, to which the gradient of the weights (units, m) is added."""

    def add_gradient(self, chunk: slice, delta: torch.Tensor, sums: torch.Tensor) -> None:
        """Add to ``sums`` what the slopes of a chunk's products, (rows, width), make of the weights' gradient."""

    def gradient(self, sums: torch.Tensor, units: int) -> torch.Tensor:
        """Return the weights' gradient (units, m)."""


class DenseInputs:
    """Rows (n, m) in chunks of ``size``; inputs that are zero in every row are left out of the products, exactly."""

    def __init__(self, rows: torch.Tensor, *, size: int) -> None:
        self.rows = rows
        self.live = rows.any(dim=0).nonzero()[:, 0]
        self.chunks = [slice(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]
        self._all = len(self.live) == rows.shape[1]
        self._rows = rows.contiguous() if self._all else rows[:, self.live].contiguous()

    def width(self, units: int) -> int:
        """Return how wide the products of ``units`` units are: no wider."""
        return units

    def table(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the weights of the inputs that count: (units, live)."""
        return weight if self._all else weight[:, self.live].contiguous()

    def product(self, chunk: slice, table: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Return a chunk's rows times the weights plus ``bias`` (units,): (rows, units)."""
        return torch.addmm(bias, self._rows[chunk], table.t())

    def sums(self, weight: torch.Tensor) -> torch.Tensor:
        """Return zeros, to which the gradient of the weights (units, m) is added."""
        return weight.new_zeros(len(weight), len(self.live))

    def add_gradient(self, chunk: slice, delta: torch.Tensor, sums: torch.Tensor) -> None:
        """Add to ``sums`` what the slopes of a chunk's products, (rows, units), make of the weights' gradient."""
        sums.addmm_(delta.t(), self._rows[chunk])

    def gradient(self, sums: torch.Tensor, units: int) -> torch.Tensor:
        """Return the weights' gradient (units, m)."""
        if self._all:
            return sums
        gradient = sums.new_zeros(units, self.rows.shape[1])
        gradient[:, self.live] = sums
        return gradient


def as_inputs(images: torch.Tensor) -> Inputs:
    """Return ``images`` (n, ...) as inputs, by the products that are faster for them."""
    rows = images.flatten(1)
    size = batch_rows(rows.device)
    if rows.device.type != "cpu":
        return DenseInputs(rows, size=size)
    if rows.dtype in (torch.float32, torch.float64) and int(rows.count_nonzero()) <= _SPARSE * rows.numel():
        return SparseInputs(rows, size=size)
    return DenseInputs(rows, size=size)
