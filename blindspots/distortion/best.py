"""The nearest point found so far for each image."""

from dataclasses import dataclass

import torch


@dataclass
class Best:
    """The nearest points found so far beyond the boundary, one an image."""

    point: torch.Tensor
    """(n, m)."""
    size: torch.Tensor
    """(n,) Euclidean distance from the image; infinite where nothing was found yet."""
    target: torch.Tensor
    """(n,) the class reached, or to be reached."""

    @classmethod
    def none(cls, rows: torch.Tensor, targets: torch.Tensor) -> "Best":
        """Return the state in which nothing was found for ``rows`` (n, m)."""
        return cls(rows.clone(), torch.full_like(rows[:, 0], torch.inf), targets.clone())

    def offer(self, image: torch.Tensor, point: torch.Tensor, size: torch.Tensor, target: torch.Tensor) -> None:
        """Take the points that are nearer than what is held; an image may be offered several.

        ``image``: (c,) indices; ``size``: infinite for a point that isn't beyond the boundary.
        """
        least = torch.full_like(self.size, torch.inf).scatter_reduce(0, image, size, "amin")
        chosen = ((size == least[image]) & (size < self.size[image])).nonzero()[:, 0]
        if not len(chosen):
            return
        first = torch.full_like(self.target, len(size)).scatter_reduce(0, image[chosen], chosen, "amin")
        chosen = chosen[chosen == first[image[chosen]]]  # of equals, one: the order of writing must not matter
        where = image[chosen]
        self.point[where], self.size[where], self.target[where] = point[chosen], size[chosen], target[chosen]
