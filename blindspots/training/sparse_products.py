"""Kernels for the product of a sparse matrix and a dense table: sums of the table's rows, in vectors.

A matrix is given as lists of the entries of its rows: each is a row of the table and its factor. Eight rows of the
table go at once, so that the sum is loaded and stored seldom. That inner loop is written in LLVM's vectors: numba's own
has to ask before every eight rows whether what it writes overlaps with what it reads, which takes as long as the sum.
A table's width is a whole number of vectors.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from blindspots.compiled import compiled, inlined

LANES = 16
"""Values in a vector: 512 bits of float32. A processor with shorter ones takes several."""
_TILE_INPUTS = 196
_TILE_ROWS = 100


_unpacked: Any = cgutils.unpack_tuple


def _row_sum(context, target, width, sources, factors):  # type: ignore[no-untyped-def]
    """Add to the ``width`` values at the address ``target`` those at the addresses ``sources``, times ``factors``."""
    size = factors.dtype.bitwidth // 8

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        target, width, sources, factors = arguments
        scalar, integer = context.get_value_type(signature.args[3].dtype), ir.IntType(32)
        vector = ir.VectorType(scalar, LANES)
        none, zeros = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(integer, LANES), [0] * LANES)
        spread = [
            builder.shuffle_vector(builder.insert_element(none, factor, integer(0)), none, zeros)
            for factor in _unpacked(builder, factors)
        ]

        def at(address: Any, j: Any) -> Any:
            start = builder.inttoptr(address, scalar.as_pointer())
            return builder.bitcast(builder.gep(start, [j]), vector.as_pointer())

        addresses = _unpacked(builder, sources)
        whole = width.type
        with cgutils.for_range_slice(builder, whole(0), width, whole(LANES), whole) as (j, _):
            total = builder.load(at(target, j), align=size)
            for address, factor in zip(addresses, spread, strict=True):
                term = builder.fmul(factor, builder.load(at(address, j), align=size), flags=("contract",))
                total = builder.fadd(total, term, flags=("contract",))
            builder.store(total, at(target, j), align=size)
        return context.get_dummy_value()

    return types.void(types.uintp, types.intp, sources, factors), generate


_add_rows: Any = intrinsic(_row_sum)


@inlined
def _add_list(target, base, stride, width, entries, values, k, end):  # type: ignore[no-untyped-def]
    """Add to the row at the address ``target`` those of a list, of the table at the address ``base``."""
    while k < end:
        one, first = (base + stride * entries[k],), (values[k],)
        if k + 2 > end:
            _add_rows(target, width, one, first)
            k += 1
            continue
        two, second = (*one, base + stride * entries[k + 1]), (*first, values[k + 1])
        if k + 4 > end:
            _add_rows(target, width, two, second)
            k += 2
            continue
        four = (*two, base + stride * entries[k + 2], base + stride * entries[k + 3])
        fourth = (*second, values[k + 2], values[k + 3])
        if k + 8 > end:
            _add_rows(target, width, four, fourth)
            k += 4
            continue
        e, f, g, h = entries[k + 4], entries[k + 5], entries[k + 6], entries[k + 7]
        eight = (*four, base + stride * e, base + stride * f, base + stride * g, base + stride * h)
        eighth = (*fourth, values[k + 4], values[k + 5], values[k + 6], values[k + 7])
        _add_rows(target, width, eight, eighth)
        k += 8


@compiled
def _add_products(begins, entries, values, table, bias, out):  # type: ignore[no-untyped-def]
    """Do what :func:`add_products` does, without a look at whether the arrays fit."""
    width = out.shape[1]
    stride = width * out.itemsize
    if bias.size:
        for i in range(len(out)):
            for j in range(width):
                out[i, j] = bias[j]
    for tile in range(len(begins)):
        for i in range(len(out)):
            target = out.ctypes.data + i * stride
            begin, end = begins[tile, i], begins[tile, i + 1]
            _add_list(target, table.ctypes.data, stride, width, entries, values, begin, end)


class Lists(NamedTuple):
    """A matrix (n, m) without its zeros, cut into tiles of columns: a tile's part of a table stays in the first cache.

    Column ``entries[k]`` of row i is ``values[k]``, for k from ``begins[t, i]`` to ``begins[t, i + 1]`` in tile t.
    """

    begins: np.ndarray
    """(tiles, n + 1)"""
    entries: np.ndarray
    values: np.ndarray
    columns: int
    """m"""


def add_products(lists: Lists, table: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """Add the matrix (n, m) times ``table`` (m, width) to ``out`` (n, width), or set it to that plus ``bias`` (width,).

    ``bias`` is empty where ``out`` is added to. Raises ``ValueError`` for arrays that do not fit: the kernel does not
    look, and reads and writes where it is told.
    """
    rows, width = lists.begins.shape[1] - 1, table.shape[1]
    fits = out.shape == (rows, width) and width % LANES == 0 and bias.size in (0, width) and len(table) == lists.columns
    arrays = (table, bias, out)
    same = all(array.dtype == lists.values.dtype and array.flags.c_contiguous for array in arrays)
    if not (fits and same):
        raise ValueError(f"a table {table.shape} does not fit {rows} lists and an output {out.shape}")
    _add_products(lists.begins, lists.entries, lists.values, table, bias, out)


@compiled
def _count(rows, tile_inputs, tile_rows, by_row, by_column):  # type: ignore[no-untyped-def]
    """Count the values that are not zero, by tile of inputs and row, and by tile of rows and input."""
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            if rows[i, j] != 0:
                by_row[j // tile_inputs, i] += 1
                by_column[i // tile_rows, j] += 1


@compiled
def _fill(rows, tile_inputs, tile_rows, of_row, of_column, lists, transposed):  # type: ignore[no-untyped-def]
    """Set entries and values; ``of_row`` and ``of_column`` say where each list's next goes."""
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            if rows[i, j] != 0:
                k = of_row[j // tile_inputs, i]
                lists.entries[k], lists.values[k] = j, rows[i, j]
                of_row[j // tile_inputs, i] = k + 1
                k = of_column[i // tile_rows, j]
                transposed.entries[k], transposed.values[k] = i, rows[i, j]
                of_column[i // tile_rows, j] = k + 1


def as_lists(rows: np.ndarray) -> tuple[Lists, Lists]:
    """Return the lists of a matrix (n, m), and those of its transpose."""
    count, inputs = rows.shape
    by_row = np.zeros((-(-inputs // _TILE_INPUTS), count), np.int64)
    by_column = np.zeros((-(-count // _TILE_ROWS), inputs), np.int64)
    _count(rows, _TILE_INPUTS, _TILE_ROWS, by_row, by_column)
    index = np.uint16 if max(count, inputs) < 2**16 else np.uint32
    lists, transposed = (
        Lists(_begins(counts), np.empty(counts.sum(), index), np.empty(counts.sum(), rows.dtype), columns)
        for counts, columns in ((by_row, inputs), (by_column, count))
    )
    following = (each.begins[:, :-1].copy() for each in (lists, transposed))
    _fill(rows, _TILE_INPUTS, _TILE_ROWS, *following, lists, transposed)
    return lists, transposed


def _begins(counts: np.ndarray) -> np.ndarray:
    """Return where the lists begin (tiles, n + 1), one after the other, given their lengths (tiles, n)."""
    ends = counts.cumsum().reshape(counts.shape)
    return np.concatenate([ends[:, :1] - counts[:, :1], ends], axis=1)
