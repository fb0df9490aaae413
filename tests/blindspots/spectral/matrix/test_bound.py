import math

import pytest

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound, NoRuleError, times


@pytest.mark.parametrize(("lower", "upper"), [(2.0, 1.0), (-1.0, 1.0), (math.nan, 1.0), (0.0, math.nan)])
def test_the_lower_side_is_not_above_the_upper_one(lower, upper):
    with pytest.raises(ValueError, match="0 <= lower <= upper must hold"):
        Bound(lower, upper, "claimed")


def test_only_the_upper_side_may_be_infinite():
    assert not Bound(1.0, math.inf, "estimate").tight
    with pytest.raises(ValueError, match="a lower bound is finite"):
        Bound(math.inf, math.inf, "claimed")


def test_is_tight_to_a_millionth():
    assert Bound(1.0, 1 + 1e-6, "").tight
    assert not Bound(1.0, 1 + 2e-6, "").tight
    assert Bound(0.0, 0.0, "").tight


def test_what_is_not_known_is_wrong_input():
    assert issubclass(NoRuleError, InputError)


def test_a_product_is_0_where_a_factor_is_and_infinite_where_no_float64_holds_it():
    assert times(0.0, math.inf) == 0
    assert times(3.0, 0.5) == 1.5
    assert times(1e-200, 1e-200) == math.inf
    assert times(1e-200, 1e-110) == math.inf  # held, but with fewer digits
    assert times(1e200, 1e200) == math.inf
