"""The area under the ROC curve, by counting pairs."""

import numpy as np
import pytest

from blindspots.detectors.ranking import area_difference, area_under_curve


def drawn(seed: int, shift: float, m: int = 30, n: int = 70) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    positive = np.arange(m + n) < m
    return draw.normal(size=m + n) + shift * positive, positive


@pytest.mark.parametrize("digits", [0, 8])
def test_it_is_the_share_of_pairs_in_their_order(digits: int) -> None:
    scores, positive = drawn(0, 0.7)
    scores = scores.round(digits)  # with ties, and without
    above, below = scores[positive][:, None], scores[~positive][None]
    pairs = (above > below) + 0.5 * (above == below)
    found = area_under_curve(scores, positive)
    assert found.area == pytest.approx(pairs.mean(), rel=1e-12)
    error = np.sqrt(pairs.mean(1).var(ddof=1) / 30 + pairs.mean(0).var(ddof=1) / 70)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.05)
    assert found.low < found.area < found.high


def test_the_interval_holds_the_truth_nineteen_times_of_twenty() -> None:
    from scipy.stats import norm

    truth, held = norm.cdf(1.0 / np.sqrt(2)), 0
    for seed in range(400):
        found = area_under_curve(*drawn(seed, 1.0, 44, 200))
        held += found.low <= truth <= found.high
    assert 0.92 < held / 400 < 0.98


def test_at_the_ends() -> None:
    positive = np.array([True, True, False, False, False])
    perfect = area_under_curve(np.array([5.0, 4, 3, 2, 1]), positive)
    assert (perfect.area, perfect.high) == (1, 1)
    assert 0.5 < perfect.low < 1
    worst = area_under_curve(np.array([1.0, 2, 3, 4, 5]), positive)
    assert (worst.area, worst.low) == (0, 0)
    assert 0 < worst.high < 0.5
    with pytest.raises(ValueError, match="1 positive and 4 negative examples"):
        area_under_curve(np.arange(5.0), np.array([True, False, False, False, False]))


def test_a_difference_is_of_areas_and_knows_what_both_find_hard() -> None:
    common, positive = drawn(1, 1.0)
    better, worse = (common + 0.1 * drawn(seed, shift)[0] for seed, shift in ((2, 5.0), (3, 0.0)))
    found = area_difference(better, worse, positive)
    areas = [area_under_curve(each, positive) for each in (better, worse)]
    assert found.difference == pytest.approx(areas[0].area - areas[1].area, abs=1e-12)
    assert found.high - found.low < 0.5 * (areas[0].high - areas[0].low)
    same = area_difference(better, better, positive)
    assert (same.difference, same.low, same.high) == (0, 0, 0)
    with pytest.raises(ValueError, match="two of either kind"):
        area_difference(better[:1], worse[:1], positive[:1])


def test_the_interval_of_a_difference_holds_none_nineteen_times_of_twenty() -> None:
    held = 0
    for seed in range(400):
        common, positive = drawn(3 * seed, 1.0, 44, 200)
        one, other = (common + drawn(3 * seed + more, 0.0, 44, 200)[0] for more in (1, 2))
        found = area_difference(one, other, positive)
        held += found.low <= 0 <= found.high
    assert 0.92 < held / 400 < 0.98
