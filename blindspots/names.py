"""The names of sources and rules in a store's ``transfer``, and what letters the names that users give may have."""

import unicodedata

CLEAN = "clean"
"""The source of images without a perturbation."""

NO_RULE = "none"
"""The rule of sources that have no target."""

NEAREST = "nearest"
"""The rule under which any other class is a success: what is found is the least there is, as far as is known."""


def noise_name(stddev: float, clip: bool) -> str:
    """Return the name of a set of noise, such as ``noise-0.1`` or ``noise-0.1-clipped``."""
    return f"noise-{stddev:g}" + ("-clipped" if clip else "")


def is_plain(text: str) -> bool:
    """Tell whether a text can be shown and stored anywhere: without control characters, and a whole one to UTF-8."""
    return all(unicodedata.category(letter) not in ("Cc", "Cs") for letter in text)


def as_plain(text: str) -> str:
    """Return a text with a question mark in the place of every letter by which :func:`is_plain` would refuse it."""
    return "".join(letter if is_plain(letter) else "?" for letter in text)
