"""The share that is kept, with its interval, and the rank test."""

import numpy as np
import pytest
from scipy import stats

from blindspots.units.statistics import kept, rank_p


def test_the_share_is_of_what_is_above_chance() -> None:
    found = kept(np.full(20, 0.9), np.full(5, 0.5), 0.1)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    inside = 0
    for index in range(200):
        units, bases = draw.normal(0.6, 0.2, 60), draw.normal(0.4, 0.03, 30)
        found = kept(units, bases, 0.1, seed=index, resamples=400)
        inside += found.low <= 0.6 <= found.high
    assert stats.binomtest(inside, 200, 0.95).pvalue > 1e-3


def test_units_that_are_not_above_chance_have_no_share() -> None:
    found = kept(np.array([0.0, 0.2, 0.1, 0.05]), np.full(5, 0.5), 0.1)
    assert np.isnan([found.value, found.low, found.high]).all()


@pytest.mark.parametrize(("units", "p"), [(0.95, 0.05), (0.5, 0.5), (-1.0, 1.0)])
def test_p_is_the_rank_among_the_rotations(units: float, p: float) -> None:
    assert rank_p(units, np.arange(19) / 19) == pytest.approx(p)


def test_ties_count_against_the_units() -> None:
    assert rank_p(0.5, np.full(19, 0.5)) == 1
