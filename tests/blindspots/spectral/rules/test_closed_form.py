import math
from fractions import Fraction

import pytest

from blindspots.spectral.matrix.bound import Bound
from blindspots.spectral.rules.closed_form import exactly, product, root, rounded, scaled


def test_a_number_itself_has_equal_sides():
    assert exactly(0.25, "at 0") == Bound(0.25, 0.25, "at 0")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 10, 10**6, 10**6 + 1])
def test_a_root_lies_between_its_sides_and_a_squares_is_exact(count):
    bound = root(count, "")
    assert Fraction(bound.lower) ** 2 <= count <= Fraction(bound.upper) ** 2
    assert (bound.lower == bound.upper) == (math.isqrt(count) ** 2 == count)
    assert bound.tight


def test_rounding_moves_outwards_by_a_unit_an_operation():
    assert Fraction(rounded(1 / 6, "").lower) < Fraction(1, 6) < Fraction(rounded(1 / 6, "").upper)
    wide, narrow = rounded(1.0, "", operations=64), rounded(1.0, "", operations=1)
    assert wide.lower < narrow.lower < 1 < narrow.upper < wide.upper


def test_products_and_multiples_move_outwards():
    tenth, third = exactly(0.1, ""), exactly(1 / 3, "")
    both = product([tenth, Bound(1 / 3, 1 / 3, "", 0.5)], "both")
    assert Fraction(both.lower) < Fraction(0.1) * Fraction(1 / 3) < Fraction(both.upper)
    assert (both.method, both.residual) == ("both", 0.5)
    times = scaled(third, 0.1, "tenth")
    assert Fraction(times.lower) < Fraction(0.1) * Fraction(1 / 3) < Fraction(times.upper)
    assert both.tight
    assert times.tight


def test_near_the_least_number_rounding_is_no_share_of_the_value():
    third = Fraction(2) ** -1074 / 3 * 4  # comes out as one step of 2^-1074
    found = rounded(float(third), "")
    assert Fraction(found.lower) <= third <= Fraction(found.upper)
    assert product([exactly(1e-200, ""), exactly(1e-200, "")], "").upper == math.inf
    assert scaled(exactly(1e-200, ""), 1e-200, "").upper == math.inf
    assert scaled(exactly(0.0, ""), 1e-200, "") == Bound(0.0, 0.0, "")
