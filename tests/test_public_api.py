"""What pip installs tells type checkers that it has types; what these are, ``tests/public_types.py`` says to mypy."""

from importlib import metadata


def test_the_installed_package_says_that_it_has_types() -> None:
    """Without the file, a user's type checker would take all of it for ``Any``, and pass whatever is written."""
    assert "blindspots/py.typed" in {str(path) for path in metadata.files("blindspots") or ()}
