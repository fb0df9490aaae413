import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindspots.intervals import wilson


def closed_form(count: int, n: int) -> tuple[float, float]:
    z, p = 1.959963984540054, count / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_is_wilson_s(case: tuple[int, int]) -> None:
    assert wilson(*case) == pytest.approx(closed_form(*case), abs=1e-12)


def test_the_paper_s_rates() -> None:
    """Slip 1: a printed 5.9%, 26.2% and 43% out of 256 images."""
    for count, low, high in ((15, 3.6, 9.4), (67, 21.2, 31.9), (110, 37.1, 49.1)):
        assert tuple(round(100 * end, 1) for end in wilson(count, 256)) == (low, high)


def test_no_images_no_interval() -> None:
    assert all(math.isnan(end) for end in wilson(0, 0))


@pytest.mark.parametrize("case", [(-1, 5), (6, 5)])
def test_an_impossible_count_is_refused(case: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        wilson(*case)
