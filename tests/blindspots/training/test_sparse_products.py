"""What :mod:`tests.blindspots.training.test_inputs` does not reach: the lists' indices, and arrays that do not fit."""

import numpy as np
import pytest

from blindspots.training import sparse_products
from blindspots.training.sparse_products import LANES, add_products, as_lists


@pytest.mark.parametrize("width", [LANES, 3 * LANES])
def test_lists_of_every_length_are_summed(width: int) -> None:
    """A row of k ones for every k up to 20: eight rows of the table go at once, then four, two and one."""
    ones = np.tri(21, 20, -1, dtype=np.float64)
    table = np.arange(20 * width, dtype=np.float64).reshape(20, width)
    out = np.full((21, width), 7.0)
    lists, transposed = as_lists(ones)
    add_products(lists, table, np.empty(0), out)
    np.testing.assert_array_equal(out, 7 + ones @ table)
    add_products(lists, table, np.full(width, 3.0), out)
    np.testing.assert_array_equal(out, 3 + ones @ table)
    back = np.zeros((20, width))
    add_products(transposed, np.ones((21, width)), np.empty(0), back)
    np.testing.assert_array_equal(back, ones.T @ np.ones((21, width)))


def test_more_than_65535_inputs_have_longer_indices() -> None:
    rows = np.zeros((2, 70_000), np.float32)
    rows[1, 69_999] = 2
    lists, transposed = as_lists(rows)
    assert lists.entries.dtype == np.uint32
    assert lists.entries.tolist() == [69_999]
    assert transposed.entries.tolist() == [1]


def test_arrays_that_do_not_fit_are_refused() -> None:
    lists, _ = as_lists(np.eye(3, dtype=np.float32))
    table, out, none = np.zeros((3, LANES), np.float32), np.zeros((3, LANES), np.float32), np.empty(0, np.float32)
    wrong = [
        (table, none, out[:2]),
        (table[:, :8].copy(), none, out[:, :8].copy()),
        (table.astype(np.float64), none, out),
        (table, none[:0].astype(np.float64), out),
        (np.asfortranarray(table), none, out),
        (table, np.zeros(3, np.float32), out),
        (table[:2], none, out),
    ]
    for arrays in wrong:
        with pytest.raises(ValueError, match="does not fit"):
            add_products(lists, *arrays)


def test_tiles_are_smaller_than_mnist() -> None:
    """So that the tests above, which go beyond one tile, say something."""
    assert sparse_products._TILE_INPUTS < 420
    assert sparse_products._TILE_ROWS < 230
