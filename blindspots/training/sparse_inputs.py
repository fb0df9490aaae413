"""A first layer's products with inputs of which most are zero, such as MNIST's pixels: exact, on a CPU.

Every chunk of rows is kept twice, row by row for the forward product and column by column for the weights' gradient,
and one kernel does both: a list of entries selects rows of a table, which are summed with their values. Eight entries
go at once, so that the sum is loaded and stored seldom. A table's rows are filled with zeros to a whole number of
vectors. Numbers of threads change nothing: a kernel runs in one.
"""

from dataclasses import dataclass

import numpy as np
import torch

from blindspots.compiled import compiled

_VECTOR = 8


@compiled
def _add_products(lists, entries, values, table, out):  # type: ignore[no-untyped-def]
    """Add to every row of ``out`` the sum of value times the row of ``table`` over its list of entries."""
    for i in range(len(out)):
        row, k, end = out[i], lists[i], lists[i + 1]
        while k + 8 <= end:
            ta, tb, tc, td = table[entries[k]], table[entries[k + 1]], table[entries[k + 2]], table[entries[k + 3]]
            te, tf, tg, th = table[entries[k + 4]], table[entries[k + 5]], table[entries[k + 6]], table[entries[k + 7]]
            va, vb, vc, vd = values[k], values[k + 1], values[k + 2], values[k + 3]
            ve, vf, vg, vh = values[k + 4], values[k + 5], values[k + 6], values[k + 7]
            for j in range(row.size):
                first = va * ta[j] + vb * tb[j] + vc * tc[j] + vd * td[j]
                row[j] += first + ve * te[j] + vf * tf[j] + vg * tg[j] + vh * th[j]
            k += 8
        while k < end:
            one, value = table[entries[k]], values[k]
            for j in range(row.size):
                row[j] += value * one[j]
            k += 1


@compiled
def _count(rows, by_row, by_column):  # type: ignore[no-untyped-def]
    """Set the ends of the lists: how many values that are not zero lie before, by row and by column."""
    for i in range(len(rows)):
        found = 0
        for j in range(rows.shape[1]):
            if rows[i, j] != 0:
                found += 1
                by_column[j + 1] += 1
        by_row[i + 1] = by_row[i] + found
    for j in range(rows.shape[1]):
        by_column[j + 1] += by_column[j]


@compiled
def _fill(rows, by_column, columns, values, places, values_by_column):  # type: ignore[no-untyped-def]
    """Set the entries of the lists and their values, by row and by column."""
    following, k = by_column.copy(), 0
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            if rows[i, j] != 0:
                columns[k], values[k] = j, rows[i, j]
                k += 1
                there = following[j]
                places[there], values_by_column[there] = i, rows[i, j]
                following[j] = there + 1


@dataclass(frozen=True)
class _Lists:
    """A matrix as lists of its entries that are not zero: where each list begins, entries and values."""

    begins: np.ndarray
    entries: np.ndarray
    values: np.ndarray

    def add(self, table: torch.Tensor, out: torch.Tensor) -> None:
        """Add the matrix's product with ``table`` to ``out``."""
        _add_products(self.begins, self.entries, self.values, table.numpy(), out.numpy())


class SparseInputs:
    """Rows (n, m) in chunks of ``size``, without their zeros; see :class:`~blindspots.training.inputs.Inputs`."""

    def __init__(self, rows: torch.Tensor, *, size: int) -> None:
        self.rows = rows
        self.live = rows.any(dim=0).nonzero()[:, 0]
        self.chunks = [slice(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]
        self._lists = {chunk.start: _lists(rows[chunk].numpy()) for chunk in self.chunks}

    def width(self, units: int) -> int:
        """Return how wide the products of ``units`` units are: filled up with zeros."""
        return -(-units // _VECTOR) * _VECTOR

    def table(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the weights (units, m) as products want them: (m, width)."""
        table = weight.new_zeros(weight.shape[1], self.width(len(weight)))
        table[:, : len(weight)] = weight.t()
        return table

    def product(self, chunk: slice, table: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Return a chunk's rows times the table plus ``bias`` (width,): (rows, width)."""
        out = bias.repeat(chunk.stop - chunk.start, 1)
        self._lists[chunk.start][0].add(table, out)
        return out

    def sums(self, weight: torch.Tensor) -> torch.Tensor:
        """Return zeros, to which the gradient of the weights (units, m) is added."""
        return weight.new_zeros(weight.shape[1], self.width(len(weight)))

    def add_gradient(self, chunk: slice, delta: torch.Tensor, sums: torch.Tensor) -> None:
        """Add to ``sums`` what the slopes of a chunk's products, (rows, width), make of the weights' gradient."""
        self._lists[chunk.start][1].add(delta, sums)

    def gradient(self, sums: torch.Tensor, units: int) -> torch.Tensor:
        """Return the weights' gradient (units, m)."""
        return sums[:, :units].t()


def _lists(rows: np.ndarray) -> tuple[_Lists, _Lists]:
    """Return the lists of ``rows`` (r, m), by row and by column."""
    count, inputs = rows.shape
    by_row, by_column = np.zeros(count + 1, np.int64), np.zeros(inputs + 1, np.int64)
    _count(rows, by_row, by_column)
    index = np.uint16 if max(count, inputs) < 2**16 else np.uint32
    columns, places = np.empty(by_row[-1], index), np.empty(by_row[-1], index)
    values, values_by_column = np.empty(by_row[-1], rows.dtype), np.empty(by_row[-1], rows.dtype)
    _fill(rows, by_column, columns, values, places, values_by_column)
    return _Lists(by_row, columns, values), _Lists(by_column, places, values_by_column)
