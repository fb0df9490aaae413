import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from blindspots.intervals import newcombe, newcombe_paired, overlap, standard_errors, wilson


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_is_wilson_s_as_scipy_has_it(case: tuple[int, int]) -> None:
    """To the last bit: the store's intervals, and so their hashes, stay as they were."""
    expected = binomtest(*case).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson(*case) == (expected.low, expected.high)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_count_need_not_be_whole(n: int, rate: float) -> None:
    """Its ends are where the rate is 1.96 of their own standard errors away, which is what defines the interval."""
    low, high = wilson(rate * n, n)
    assert -1e-12 <= low <= rate + 1e-12
    assert rate - 1e-12 <= high <= 1 + 1e-12
    for end in (low, high):
        if 1e-9 < end < 1 - 1e-9:
            assert abs(rate - end) / math.sqrt(end * (1 - end) / n) == pytest.approx(1.96, abs=1e-3)


def test_a_mean_of_two_counts_lies_between_theirs() -> None:
    lows, highs = zip(wilson(30, 200), wilson(30.5, 200), wilson(31, 200), strict=True)
    assert list(lows) == sorted(set(lows))
    assert list(highs) == sorted(set(highs))


def test_the_paper_s_rates() -> None:
    """Slip n = 256: a printed 5.9%, 26.2% and 43% out of 256 images."""
    for count, low, high in ((15, 3.6, 9.4), (67, 21.2, 31.9), (110, 37.1, 49.1)):
        assert tuple(round(100 * end, 1) for end in wilson(count, 256)) == (low, high)


def test_no_images_no_interval() -> None:
    assert all(math.isnan(end) for end in wilson(0, 0))


@pytest.mark.parametrize("case", [(-1, 5), (6, 5), (5.001, 5), (math.nan, 5)])
def test_an_impossible_count_is_refused(case: tuple[float, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        wilson(*case)


def test_intervals_overlap_where_they_have_a_point_in_common() -> None:
    assert overlap((0.1, 0.3), (0.2, 0.4)) == overlap((0.2, 0.4), (0.1, 0.3)) == 1
    assert overlap((0.1, 0.4), (0.2, 0.3)) == overlap((0.1, 0.2), (0.2, 0.3)) == 1
    assert overlap((0.1, 0.19), (0.2, 0.3)) == overlap((0.2, 0.3), (0.1, 0.19)) == 0
    assert overlap((math.nan, math.nan), (0.2, 0.3)) == overlap((0.1, 0.2), (0.2, math.nan)) == -1


def test_differences_in_pooled_standard_errors() -> None:
    """30% of 100 and 20% of 300: p = 90 / 400, and 0.1 / sqrt(0.225 * 0.775 * (1/100 + 1/300)) = 2.074."""
    assert standard_errors(0.3, 100, 0.2, 300) == pytest.approx(2.0739, abs=1e-4)
    assert standard_errors(0.2, 300, 0.3, 100) == pytest.approx(-2.0739, abs=1e-4)
    assert math.isnan(standard_errors(0, 100, 0, 300))


@pytest.mark.parametrize(
    ("counts", "interval"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ],
)
def test_differences_are_those_that_newcombe_printed(
    counts: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    """Table II of Newcombe (1998), method 10."""
    assert newcombe(*counts) == pytest.approx(interval, abs=5e-5)
    count, n, other, other_n = counts
    assert newcombe(other, other_n, count, n) == pytest.approx((-interval[1], -interval[0]), abs=5e-5)


def test_a_difference_from_nothing_is_none() -> None:
    assert all(map(math.isnan, newcombe(0, 0, 1, 2)))


def test_pairs_without_correlation_are_as_independent_images() -> None:
    """Also where the correction for continuity takes away what correlation there is."""
    for both, first, second, neither in ((4, 16, 16, 64), (4, 16, 15, 65)):
        n = both + first + second + neither
        assert newcombe_paired(both, first, second, neither) == pytest.approx(
            newcombe(both + first, n, both + second, n)
        )


def test_pairs_that_agree_tell_more_than_independent_images() -> None:
    low, high = newcombe_paired(400, 30, 10, 560)
    apart = newcombe(430, 1000, 410, 1000)
    assert 0 < low < 0.02 < high
    assert apart[0] < 0 < apart[1]
    assert newcombe_paired(400, 10, 30, 560) == pytest.approx((-high, -low))
    wald = 1.96 * math.sqrt(40 - 20**2 / 1000) / 1000  # the discordant pairs alone, for many images
    assert (low, high) == pytest.approx((0.02 - wald, 0.02 + wald), abs=4e-4)
    assert newcombe_paired(5, 0, 0, 5)[0] < 0 < newcombe_paired(5, 0, 0, 5)[1]
    assert all(map(math.isnan, newcombe_paired(0, 0, 0, 0)))
    with pytest.raises(ValueError, match="none may be negative"):
        newcombe_paired(1, -1, 0, 3)


@pytest.mark.parametrize("cells", [(0.3, 0.2, 0.1, 0.4), (0.05, 0.02, 0.08, 0.85), (0.6, 0.1, 0.1, 0.2)])
def test_the_interval_of_pairs_holds_the_truth_in_19_of_20_cases(cells: tuple[float, ...]) -> None:
    """The coverage, summed over every outcome of 20 images."""
    n, truth, covered = 20, cells[1] - cells[2], 0.0
    for both in range(n + 1):
        for first in range(n + 1 - both):
            for second in range(n + 1 - both - first):
                counts = (both, first, second, n - both - first - second)
                low, high = newcombe_paired(*counts)
                ways = math.factorial(n) / math.prod(map(math.factorial, counts))
                covered += (low <= truth <= high) * ways * math.prod(p**k for p, k in zip(cells, counts, strict=True))
    assert 0.93 < covered < 0.999
