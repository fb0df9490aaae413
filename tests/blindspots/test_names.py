"""The names of sources and rules."""

import pytest

from blindspots.names import noise_name


@pytest.mark.parametrize(
    ("stddev", "clip", "name"),
    [
        (0.1, False, "noise-0.1"),
        (0.1, True, "noise-0.1-clipped"),
        (1.0, False, "noise-1"),
        (0.25, True, "noise-0.25-clipped"),
    ],
)
def test_noise_is_named_by_its_deviation(stddev: float, clip: bool, name: str) -> None:
    assert noise_name(stddev, clip) == name
