"""One rule a kind of layer: the least L such that the layer spreads no two inputs apart by more than L times.

Each file holds the rules of related kinds with their derivations, and a table of them; ``rules.py`` puts the tables
together to :data:`RULES`, which takes more from outside, and applies them.
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.spectral.rules.rules import RULES, Rule, layer_bound
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "RULES": "blindspots.spectral.rules.rules",
            "Rule": "blindspots.spectral.rules.rules",
            "layer_bound": "blindspots.spectral.rules.rules",
        },
    )

__all__ = [
    "RULES",
    "Rule",
    "layer_bound",
]
