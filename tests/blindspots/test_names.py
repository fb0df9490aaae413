"""The names of sources and rules."""

import pytest

from blindspots.names import as_plain, is_plain, noise_name


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [("FC10 (1e-2) é 漢", None), ("", None), ("a\x1b[31m\0", "a?[31m?"), ("a\nb", "a?b"), ("\ud800x", "?x")],
)
def test_what_cannot_be_shown_is_told_and_replaced(text: str, shown: str | None) -> None:
    assert is_plain(text) is (shown is None)
    assert as_plain(text) == (text if shown is None else shown)
