"""A figure as a page shows it: with a caption, and in words for who cannot see it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plate:
    """A figure with what is said of it."""

    figure: "Figure"
    alt: str
    """What it shows, for who cannot see it."""
    caption: str
