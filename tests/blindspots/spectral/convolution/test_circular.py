import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.spectral.convolution.circular import Grid, best_grid, grid_norm_squared
from blindspots.spectral.convolution.peak import Peak
from blindspots.spectral.convolution.printed_formula import equation_one
from blindspots.spectral.convolution.torus import torus_norm_squared
from tests.blindspots.spectral.convolution.spectra import found


@settings(max_examples=100)
@given(st.sampled_from([((4, 3, 4), (1,)), ((3, 4, 3, 2), (2, 1)), ((20, 18, 3, 3), (1, 1))]), st.data())
def test_the_norm_on_a_grid_is_its_highest_frequency(shapes, data):
    (shape, stride), seed = shapes, data.draw(st.integers(0, 2**31))
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    lags, peak = found(weight, stride)
    points = tuple(data.draw(st.integers(1, 9)) for _ in stride)
    grid = tuple(count * step for count, step in zip(points, stride, strict=True))
    square = grid_norm_squared(lags, peak, Grid(points, (0.0,) * len(points)))
    exact = equation_one(weight, grid=grid, stride=stride) ** 2
    assert exact <= square * (1 + 1e-13)
    assert square <= exact * (1 + 2e-7)


def test_a_wrong_estimate_costs_time_alone():
    # the peak is said to lie elsewhere and to be far too low, and the model to be zero: all fail at first
    weight = torch.randn(5, 6, 3, 3, generator=torch.Generator().manual_seed(0))
    lags, peak = found(weight, (1, 1))
    model = lags.restricted(torch.zeros(1, 5, 2, dtype=torch.float64))
    misled = Peak(peak.frequency + 0.3, 0, 1e-3, peak.vector, peak.group_values, model)
    square = grid_norm_squared(lags, misled, Grid((6, 7), (0.0, 0.0)))
    assert square == pytest.approx(equation_one(weight, grid=(6, 7)) ** 2, rel=1e-5)
    assert peak.value <= torus_norm_squared(lags, misled) <= 1.1 * peak.value


def test_the_best_grid_has_the_peak_between_its_points():
    weight = torch.ones(1, 1, 3, 3)
    _, peak = found(weight, (1, 1))
    assert best_grid(peak, [14, 9]) == Grid((14, 9), (0.5, 0.5))
    weight[..., 1] = -1  # the peak across is at half a turn, which even grids have
    _, peak = found(weight, (1, 1))
    assert best_grid(peak, [14, 9]) == Grid((14, 9), (0.5, 0.0))
    _, peak = found(torch.ones(2, 2, 1, 3), (1, 1))
    assert best_grid(peak, [14, 9]) == Grid((1, 9), (0.0, 0.5))
