"""Numbers as the page prints them."""

from math import nan

from blindspots.report.numbers import count, interval, number, rate, signed


def test_numbers_as_they_are_printed() -> None:
    assert rate(0.12345, 1) == "12.3"
    assert rate(nan, 1) == number(nan, 2) == interval(nan, nan, 1) == signed(nan, 1) == ""
    assert interval(0.1, 0.25, 2) == "[10.00, 25.00]"
    assert signed(-1.25, 1) == "−1.2"
    assert signed(3.0, 1) == "+3.0"
    assert count(1234567) == "1\u202f234\u202f567"
    assert count(999) == "999"
