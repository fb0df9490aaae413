"""A first layer's products with inputs of which most are zero, such as MNIST's pixels: exact, on a CPU.

Every chunk of rows is kept twice, row by row for the forward product and column by column for the weights' gradient.
Numbers of threads change nothing: a kernel runs in one.
"""

import numpy as np
import torch

from blindspots.training.sparse_products import LANES, add_products, as_lists


class SparseInputs:
    """Rows (n, m) in chunks of ``size``, without their zeros; see :class:`~blindspots.training.inputs.Inputs`.

    A product is as wide as a whole number of vectors.
    """

    def __init__(self, rows: torch.Tensor, *, size: int) -> None:
        self.rows = rows
        self.live = rows.any(dim=0).nonzero()[:, 0]
        self.chunks = [slice(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]
        self._lists = {chunk.start: as_lists(rows[chunk].numpy()) for chunk in self.chunks}

    def width(self, units: int) -> int:
        """Return how wide the products of ``units`` units are."""
        return -(-units // LANES) * LANES

    def table(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the weights (units, m) as products want them: (m, width)."""
        table = self.sums(weight)
        table[:, : len(weight)] = weight.t()
        return table

    def product(self, chunk: slice, table: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Return a chunk's rows times the table plus ``bias`` (width,): (rows, width)."""
        out = table.new_empty(chunk.stop - chunk.start, table.shape[1])
        add_products(self._lists[chunk.start][0], table.numpy(), bias.numpy(), out.numpy())
        return out

    def sums(self, weight: torch.Tensor) -> torch.Tensor:
        """Return zeros, to which the gradient of the weights (units, m) is added."""
        return weight.new_zeros(weight.shape[1], self.width(len(weight)))

    def add_gradient(self, chunk: slice, delta: torch.Tensor, sums: torch.Tensor) -> None:
        """Add to ``sums`` what the slopes of a chunk's products, (rows, width), make of the weights' gradient."""
        nothing = np.empty(0, sums.numpy().dtype)
        add_products(self._lists[chunk.start][1], delta.numpy(), nothing, sums.numpy())

    def gradient(self, sums: torch.Tensor, units: int) -> torch.Tensor:
        """Return the weights' gradient (units, m)."""
        return sums[:, :units].t()
