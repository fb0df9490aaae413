"""All that the paper says, once: its published numbers, its slips by name, and why cells differ, as far as measured.

Szegedy, Zaremba, Sutskever, Bruna, Erhan, Goodfellow and Fergus, Intriguing properties of neural networks, 2013
(arXiv:1312.6199). :mod:`~blindspots.paper.published` has Tables 1 to 4 with their intervals,
:mod:`~blindspots.paper.slips` where the text slips or is silent and what is done here,
:mod:`~blindspots.paper.explanations` what is known of cells that disagree.
"""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.paper.explanations import EXPLANATIONS, explanation, explanations_for
    from blindspots.paper.published import Published, distortion, errors, knows, transfer
    from blindspots.paper.slips import SLIPS, Slip
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "EXPLANATIONS": "blindspots.paper.explanations",
            "explanation": "blindspots.paper.explanations",
            "explanations_for": "blindspots.paper.explanations",
            "Published": "blindspots.paper.published",
            "distortion": "blindspots.paper.published",
            "errors": "blindspots.paper.published",
            "knows": "blindspots.paper.published",
            "transfer": "blindspots.paper.published",
            "SLIPS": "blindspots.paper.slips",
            "Slip": "blindspots.paper.slips",
        },
    )

__all__ = [
    "EXPLANATIONS",
    "SLIPS",
    "Published",
    "Slip",
    "distortion",
    "errors",
    "explanation",
    "explanations_for",
    "knows",
    "transfer",
]
