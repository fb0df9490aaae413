"""A model whose gradients are taken a little inside the box: at its border they are half of the function's.

A rectifier on the image itself has a gradient of 0 at every black pixel: none of them would be moved, though the logits
change as they grow.
"""

import torch

from blindspots.models.classifier import EDGE, Classifier, Tape


class Inside(Classifier):
    """A classifier whose logits are those of a point, and whose gradients are those a thousandth inside the box."""

    def evaluate(self, rows: torch.Tensor) -> tuple[torch.Tensor, Tape]:
        """Return the logits (n, k) of ``rows`` (n, m), and what goes back from a little inside the box."""
        _, tape = super().evaluate(rows.clamp(EDGE, 1 - EDGE))
        return self.logits(rows), tape
