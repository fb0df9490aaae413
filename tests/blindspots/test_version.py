"""The version: the installed one, and the same everywhere."""

from importlib.metadata import version

import blindspots
from blindspots.store.receipts import library_versions


def test_it_is_that_of_the_package() -> None:
    assert blindspots.__version__ == version("blindspots") == library_versions()["blindspots"]
