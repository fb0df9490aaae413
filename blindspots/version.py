"""The version that is installed, as receipts and ``blindspots --version`` tell it."""

from importlib.metadata import version

__version__ = version("blindspots")
