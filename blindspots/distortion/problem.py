"""What every method of the search is given: images, the model that is to read them otherwise, and where finds go."""

from dataclasses import dataclass, replace

import torch

from blindspots.distortion.best import Best, Spent
from blindspots.distortion.rows import take
from blindspots.models.classifier import Classifier


@dataclass(frozen=True)
class Problem:
    """Images to be moved to the nearest point that is read as wanted, and what was found for them so far.

    Methods write what they find into ``best`` and ``spent``, which may be of more images than these.
    """

    classifier: Classifier
    rows: torch.Tensor
    """(n, m) the images, in [0, 1]."""
    images: torch.Tensor
    """(n,) where each row stands in ``best`` and ``spent``; they rise."""
    best: Best
    spent: Spent

    @classmethod
    def new(cls, classifier: Classifier, rows: torch.Tensor, targets: torch.Tensor) -> "Problem":
        """Return the problem of ``rows`` (n, m), of which nothing is found; ``targets``: (n,) the classes to reach."""
        everyone = torch.arange(len(rows), device=rows.device)
        return cls(classifier, rows, everyone, Best.none(rows, targets), Spent.none(len(rows), rows.device))

    def take(self, some: torch.Tensor) -> "Problem":
        """Return the problem of some of the rows (indices), which writes where this one does."""
        return replace(self, rows=take(self.rows, some), images=take(self.images, some))

    def begun_anew(self, targets: torch.Tensor) -> "Problem":
        """Return the problem of the same rows, to which nothing is found yet; ``targets``: (n,) the classes to reach.

        What it finds is for :meth:`include` to take over.
        """
        return Problem.new(self.classifier, self.rows, targets)

    def include(self, other: "Problem") -> None:
        """Take over what :meth:`begun_anew` led to where that is nearer, and count its work."""
        best = other.best
        with self.best.credited(""):
            self.best.offer(self.images, best.point, size=best.size, target=best.target)
        taken = take(self.best.size, self.images) == best.size
        self.best.by[self.images[taken]] = best.by[taken]
        self.spent.include(self.images, other.spent)

    def counted_anew(self) -> "Problem":
        """Return the same with counters at zero; this one's stay as they are."""
        return replace(self, spent=Spent.none(len(self.spent.iterations), self.rows.device))
