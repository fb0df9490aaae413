import math

import pytest
import torch

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound
from blindspots.spectral.matrix.scaling import ZERO, exponent_of, scaled_back


@pytest.mark.parametrize(("largest", "exponent"), [(1.0, 1), (0.75, 0), (-6.0, 3), (5e-324, -1000), (1.7e308, 1000)])
def test_the_exponent_brings_the_largest_value_near_one(largest, exponent):
    assert exponent_of(torch.tensor([largest, 0.0], dtype=torch.float64)) == exponent


def test_zeros_and_nothing_have_no_exponent():
    assert exponent_of(torch.zeros(3)) is None
    assert exponent_of(torch.zeros(0)) is None


def test_scaling_back_moves_outwards_and_keeps_the_rest():
    back = scaled_back(Bound(0.75, 1.5, "found", 0.1), 3)
    assert back.lower == math.nextafter(6.0, 0.0)
    assert back.upper == math.nextafter(12.0, math.inf)
    assert (back.method, back.residual) == ("found", 0.1)
    tiny = scaled_back(Bound(0.75, 1.5, "found"), -1074)  # neither is a float64 any more
    assert tiny.lower < 0.75 * 2.0**-1074 + 5e-324
    assert tiny.upper > 5e-324
    assert scaled_back(ZERO, 900) is ZERO


def test_a_norm_beyond_float64_is_refused():
    with pytest.raises(InputError, match="exceeds the largest float64"):
        scaled_back(Bound(0.5, 1.5, "found"), 1024)
