"""The formats that there are, and what is said of another."""

import pytest

from blindspots.errors import InputError
from blindspots.tables import FORMATS, check_format


def test_a_format_that_there_is_not_is_told_with_those_that_there_are() -> None:
    for form in FORMATS:
        check_format(form)
    with pytest.raises(InputError, match="no format is called 'word'; there are text, markdown, csv, latex, json"):
        check_format("word")
    with pytest.raises(InputError, match="'csv'"):
        check_format("csv", ["text"])
