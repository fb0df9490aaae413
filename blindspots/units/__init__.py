"""Hidden units against other directions in the space of their layer: which are more alike in what they answer to."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.units.coherence import BetweenLabels, Cosine, Measure
    from blindspots.units.comparison import Comparison, compare_units
    from blindspots.units.layer import LayerActivations, top_images
    from blindspots.units.statistics import Kept, kept, rank_p
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "BetweenLabels": "blindspots.units.coherence",
            "Comparison": "blindspots.units.comparison",
            "Cosine": "blindspots.units.coherence",
            "Kept": "blindspots.units.statistics",
            "LayerActivations": "blindspots.units.layer",
            "Measure": "blindspots.units.coherence",
            "compare_units": "blindspots.units.comparison",
            "kept": "blindspots.units.statistics",
            "rank_p": "blindspots.units.statistics",
            "top_images": "blindspots.units.layer",
        },
    )

__all__ = [
    "BetweenLabels",
    "Comparison",
    "Cosine",
    "Kept",
    "LayerActivations",
    "Measure",
    "compare_units",
    "kept",
    "rank_p",
    "top_images",
]
