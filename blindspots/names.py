"""The names of sources and rules in a store's ``transfer``."""

CLEAN = "clean"
"""The source of images without a perturbation."""

NO_RULE = "none"
"""The rule of sources that have no target."""

NEAREST = "nearest"
"""The rule under which any other class is a success: what is found is the least there is, as far as is known."""


def noise_name(stddev: float, clip: bool) -> str:
    """Return the name of a set of noise, such as ``noise-0.1`` or ``noise-0.1-clipped``."""
    return f"noise-{stddev:g}" + ("-clipped" if clip else "")
