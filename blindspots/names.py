"""The names of sources and rules in a store's ``transfer``."""

CLEAN = "clean"
"""The source of images without a perturbation."""

NO_RULE = "none"
"""The rule of sources that have no target."""


def noise_name(stddev: float, clip: bool) -> str:
    """Return the name of a set of noise, such as ``noise-0.1`` or ``noise-0.1-clipped``."""
    return f"noise-{stddev:g}" + ("-clipped" if clip else "")
