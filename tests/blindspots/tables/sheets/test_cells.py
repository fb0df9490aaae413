"""What numbers are printed as."""

import pytest
import xarray as xr

from blindspots.tables.sheets.cells import mean, percent, rounded

NAN = float("nan")


@pytest.mark.parametrize(
    ("share", "said"),
    [
        *((0.0, "0"), (1.0, "100"), (0.5, "50"), (0.12344, "12.34"), (0.9999, "99.99"), (0.0001, "0.01")),
        *((59_999 / 60_000, "99.998"), (1 / 60_000, "0.002"), (0.99996, "99.996"), (0.9999501, "99.995")),
        *((1 - 1e-9, "99.9999"), (1e-9, "0.0001"), (1 - 2**-53, "99.9999"), (1.25, "125"), (NAN, "")),
    ],
)
def test_only_nothing_is_0_percent_and_only_all_is_100(share: float, said: str) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(
    ("numbers", "said"),
    [((0.05, 0.04, 0.06), "0.050 [0.040, 0.060]"), ((0.05, NAN, NAN), "0.050"), ((NAN, NAN, NAN), "")],
)
def test_a_mean_of_one_image_has_no_interval_and_one_of_none_is_nothing(numbers: tuple[float, ...], said: str) -> None:
    cell = xr.Dataset(dict(zip(("size", "size_low", "size_high"), numbers, strict=True)))
    assert mean(cell, "size", 3) == said


def test_decimals_are_those_asked_for_unless_they_hide_what_is_there() -> None:
    assert [rounded(share, 1) for share in (0.0, 0.9994, 0.9996, 1.0)] == ["0.0", "99.9", "99.96", "100.0"]
    assert [rounded(share, 0) for share in (0.25, 0.9964, 1.0)] == ["25", "99.6", "100"]
