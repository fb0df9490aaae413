"""What a search has for each image so far: the nearest point found, and how much work it took."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

_PARTS = ("projection", "lbfgs", "refinement", "drawing back", "straight line", "decisions", "exact", "cuts")
FOUND_BY = ("", "clean", *_PARTS)
"""How an image was found: not at all; it is read as wanted already; and the parts of a search."""


class BestArrays(NamedTuple):
    """A :class:`Best` as compiled kernels see it, on the same memory."""

    point: np.ndarray
    size: np.ndarray
    target: np.ndarray


@dataclass
class Best:
    """The nearest points found so far beyond the boundary, one an image."""

    point: torch.Tensor
    """(n, m)."""
    size: torch.Tensor
    """(n,) Euclidean distance from the image; infinite where nothing was found yet."""
    target: torch.Tensor
    """(n,) the class reached, or to be reached."""
    by: torch.Tensor
    """(n,) int64: what found it, a place in :data:`FOUND_BY`."""

    @classmethod
    def none(cls, rows: torch.Tensor, targets: torch.Tensor) -> "Best":
        """Return the state in which nothing was found for ``rows`` (n, m)."""
        return cls(rows.clone(), torch.full_like(rows[:, 0], torch.inf), targets.clone(), torch.zeros_like(targets))

    def arrays(self) -> BestArrays:
        """Return the same as the kernels see it, for what is on a CPU."""
        return BestArrays(self.point.numpy(), self.size.numpy(), self.target.numpy())

    @contextmanager
    def credited(self, name: str) -> Iterator[None]:
        """Note for every image to which something nearer is found meanwhile that ``name`` of :data:`FOUND_BY` did."""
        before = self.size.clone()
        yield
        self.by[self.size < before] = FOUND_BY.index(name)

    def offer(self, image: torch.Tensor, point: torch.Tensor, *, size: torch.Tensor, target: torch.Tensor) -> None:
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


@dataclass(frozen=True)
class Spent:
    """Counters of n images, int64: iterations of the search, forward and backward passes of the model."""

    iterations: torch.Tensor
    forwards: torch.Tensor
    backwards: torch.Tensor

    @classmethod
    def none(cls, count: int, device: torch.device) -> "Spent":
        """Return counters at zero."""
        return cls(*(torch.zeros(count, dtype=torch.int64, device=device) for _ in range(3)))

    def add(self, rows: torch.Tensor, *, iterations: int = 0, forwards: int = 0, backwards: int = 0) -> None:
        """Count work on the images ``rows`` (indices; one that stands twice counts twice)."""
        for counter, amount in (
            (self.iterations, iterations),
            (self.forwards, forwards),
            (self.backwards, backwards),
        ):
            if amount:
                counter.index_add_(0, rows, torch.full_like(rows, amount))

    def include(self, rows: torch.Tensor, own: "Spent") -> None:
        """Add the counters of the images ``rows`` (indices, each once)."""
        for counter, amount in zip(vars(self).values(), vars(own).values(), strict=True):
            counter[rows] += amount
