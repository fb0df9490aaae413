import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, t

from blindspots.tables.repetition.one_more import OneMore, decimals_printed, printed_as

RATES = (0.21, 0.24, 0.2, 0.26, 0.23, 0.25, 0.19, 0.22)


def test_trainings_that_are_all_alike_leave_the_binomial():
    low, high = OneMore((0.3,) * 8, 256, drawn=True).interval
    assert (low, high) == (binom.ppf(0.025, 256, 0.3) / 256, binom.ppf(0.975, 256, 0.3) / 256)


def test_a_whole_split_leaves_student_s_interval_for_one_more():
    angles = np.arcsin(np.sqrt(RATES))
    half = t.ppf(0.975, 7) * angles.std(ddof=1) * np.sqrt(1 + 1 / 8)
    expected = np.sin(angles.mean() + np.array([-half, half])) ** 2
    assert OneMore(RATES, 10_000, drawn=False).interval == pytest.approx(tuple(expected), rel=1e-12)


def test_the_distribution_is_that_of_trainings_drawn_and_images_drawn():
    random = np.random.default_rng(0)
    angles = np.arcsin(np.sqrt(RATES))
    drawn = angles.mean() + angles.std(ddof=1) * np.sqrt(1 + 1 / 8) * random.standard_t(7, 400_000)
    counts = random.binomial(256, np.sin(np.clip(drawn, 0, np.pi / 2)) ** 2)
    one_more = OneMore(RATES, 256, drawn=True)
    assert one_more.interval == pytest.approx(tuple(np.quantile(counts / 256, [0.025, 0.975])), abs=1 / 256)
    at_most = (counts <= 45).mean()
    assert one_more.chance((45 / 256, 45 / 256)) == pytest.approx(2 * at_most, abs=0.005)


def test_what_is_far_out_is_as_likely_as_student_s_t_has_it():
    angles = np.arcsin(np.sqrt(RATES))
    scale = angles.std(ddof=1) * np.sqrt(1 + 1 / 8)
    far = (np.arcsin(np.sqrt(0.35)) - angles.mean()) / scale
    assert OneMore(RATES, 10_000, drawn=False).chance((0.35, 0.36)) == pytest.approx(2 * t.sf(far, 7), rel=1e-6)
    assert 2 * t.sf(far, 7) < 0.01
    # as many images as leave next to nothing of their own spread
    assert OneMore(RATES, 10**7, drawn=True).chance((0.35, 0.36)) == pytest.approx(2 * t.sf(far, 7), rel=0.02)
    assert OneMore((0.3,) * 8, 100, drawn=False).chance((0.29, 0.31)) == 1
    assert OneMore((0.3,) * 8, 100, drawn=False).chance((0.31, 0.32)) == 0


@pytest.mark.parametrize(("rate", "spread"), [(0.01, 0.05), (0.3, 0.1), (0.9, 0.0)])
def test_one_more_training_lies_inside_as_often_as_is_said(rate: float, spread: float):
    random = np.random.default_rng(1)
    inside = []
    for _ in range(300):
        angles = np.arcsin(np.sqrt(rate)) + spread * random.standard_normal(9)
        rates = np.sin(np.clip(angles, 0, np.pi / 2)) ** 2
        low, high = OneMore(tuple(rates[:8]), 256, drawn=True).interval
        inside.append(low <= random.binomial(256, rates[8]) / 256 <= high)
    assert 0.91 < np.mean(inside) <= 0.995  # counts are whole: rather more than 95%


def test_the_bootstrap_is_the_mean_of_the_trainings_own_binomials():
    low, high = OneMore((0.1, 0.4), 100, drawn=True).resampled()
    random = np.random.default_rng(2)
    counts = random.binomial(100, random.choice([0.1, 0.4], 400_000))
    assert (low, high) == pytest.approx(tuple(np.quantile(counts / 100, [0.025, 0.975])), abs=0.01)
    assert OneMore((0.1, 0.4), 100, drawn=False).resampled() == pytest.approx((0.1075, 0.3925))


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=10),
    st.sampled_from([1, 16, 256, 10_000]),
    st.booleans(),
)
def test_ends_are_in_order_and_what_is_inside_is_likely(rates: list[float], n: int, drawn: bool):
    one_more = OneMore(tuple(rates), n, drawn)
    low, high = one_more.interval
    assert 0 <= low <= high <= 1
    assert one_more.holds((low, low))
    assert one_more.holds((high, high))
    assert one_more.chance((low, high)) > 0.04
    if drawn:
        outside = (low - 1 / n, low - 1 / n)
        assert outside[0] < 0 or (not one_more.holds(outside) and one_more.chance(outside) < 0.0501)


def test_no_misread_image_at_all():
    one_more = OneMore((0.0,) * 8, 256, drawn=True)
    assert one_more.interval == (0, 0)
    assert one_more.holds((0, 0.005))  # "0" is at most half a percent
    assert not one_more.holds((0.0105, 0.0115))
    assert one_more.chance((0.0105, 0.0115)) == 0


def test_what_is_printed_is_a_range():
    least, largest = printed_as(np.array([0.0625, 0.117, 0.0]), np.array([2, 1, 0]))
    np.testing.assert_allclose(least, [0.06245, 0.1165, 0])
    np.testing.assert_allclose(largest, [0.06255, 0.1175, 0.005])
    assert decimals_printed(["6.25", "11.7", "48"]).tolist() == [2, 1, 0]
