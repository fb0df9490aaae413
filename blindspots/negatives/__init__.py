"""How often adversarial negatives are met by chance: what a model reads along random directions (section 7)."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.negatives.counts import Negatives, adversarial_negatives
    from blindspots.negatives.directions import random_directions
    from blindspots.negatives.flat_boundary import flat_boundary_share
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "Negatives": "blindspots.negatives.counts",
            "adversarial_negatives": "blindspots.negatives.counts",
            "flat_boundary_share": "blindspots.negatives.flat_boundary",
            "random_directions": "blindspots.negatives.directions",
        },
    )

__all__ = ["Negatives", "adversarial_negatives", "flat_boundary_share", "random_directions"]
