"""How alike the top images of a direction are: measures over their pairs, each beside what chance gives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch

from blindspots.device import rows_at_once
from blindspots.errors import InputError


class Measure(ABC):
    """How alike two images are, averaged over the pairs of a set."""

    @property
    @abstractmethod
    def chance(self) -> float:
        """The mean over all pairs of different images: what sets of random images have, exactly."""

    @abstractmethod
    def of(self, tops: torch.Tensor) -> torch.Tensor:
        """Return the mean (m,) float64 over the pairs of each of the sets ``tops`` (m, k), indices of images."""


@dataclass(frozen=True, eq=False)
class BetweenLabels(Measure):
    """What two images' labels have in common: by default 1 where they are the same, 0 otherwise."""

    labels: torch.Tensor
    """(n,) int64."""
    alike: torch.Tensor
    """(classes, classes) symmetric: how alike two classes are."""

    @classmethod
    def same(cls, labels: torch.Tensor, classes: int) -> "BetweenLabels":
        """Return the share of pairs with the same label."""
        return cls(labels, torch.eye(classes, dtype=torch.float64, device=labels.device))

    @property
    def chance(self) -> float:
        """Over the counts of the classes: (c' S c - sum of S's diagonal over the images) / (n (n - 1))."""
        counts = torch.bincount(self.labels, minlength=len(self.alike)).double()
        alike = self.alike.double()
        own = (counts * alike.diagonal()).sum()
        return float((counts @ alike @ counts - own) / (len(self.labels) * (len(self.labels) - 1)))

    def of(self, tops: torch.Tensor) -> torch.Tensor:
        """Return the mean over the pairs of each set."""
        found = self.labels[tops]
        pairs = self.alike[found[:, :, None], found[:, None, :]].double()
        return _without_diagonal(pairs)


@dataclass(frozen=True, eq=False)
class Cosine(Measure):
    """The cosine between two images' features."""

    features: torch.Tensor
    """(n, p) float32, each of length 1."""

    @classmethod
    def between(cls, features: torch.Tensor) -> "Cosine":
        """Return the measure for ``features`` (n, ...) of any length.

        Where they are more than there are images they are replaced by as many with the same cosines, from the Cholesky
        factor of their Gram matrix. Raises :class:`InputError` for features that are all 0, which have no direction.
        """
        rows = features.flatten(1).float()
        lengths = rows.norm(dim=1, keepdim=True)
        if not bool((lengths > 0).all()):
            raise InputError("the features of an image are all 0: a cosine with them is nothing")
        rows = rows / lengths
        if rows.shape[1] > len(rows):
            rows = reduced(rows)
        return cls(rows)

    @property
    def chance(self) -> float:
        """The squared length of the sum of all, less those of each: (|sum f|^2 - n) / (n (n - 1))."""
        count = len(self.features)
        total = self.features.double().sum(dim=0).square().sum()
        return float((total - self.features.double().square().sum()) / (count * (count - 1)))

    def of(self, tops: torch.Tensor) -> torch.Tensor:
        """Return the mean over the pairs of each set."""
        count, size = tops.shape
        at_once = rows_at_once(size * self.features.shape[1], arrays=2)
        found = torch.empty(count, dtype=torch.float64, device=tops.device)
        for start in range(0, count, at_once):
            rows = self.features[tops[start : start + at_once]]
            own = rows.square().sum(dim=(1, 2)).double()
            total = rows.sum(dim=1).square().sum(dim=1).double()
            found[start : start + at_once] = (total - own) / (size * (size - 1))
        return found


def _without_diagonal(pairs: torch.Tensor) -> torch.Tensor:
    """Return the means (m,) of ``pairs`` (m, k, k) off the diagonal."""
    size = pairs.shape[1]
    apart = pairs.sum(dim=(1, 2)) - pairs.diagonal(dim1=1, dim2=2).sum(dim=1)
    mean: torch.Tensor = apart / (size * (size - 1))
    return mean


def reduced(rows: torch.Tensor) -> torch.Tensor:
    """Return coordinates (n, n) of ``rows`` (n, d), more dimensions than rows, in an orthonormal basis of their span.

    All inner products stay as they are, up to rounding: the eigenvectors of the Gram matrix, computed in float64, times
    the roots of its eigenvalues.
    """
    gram = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows.device)
    at_once = max(1, rows_at_once(len(rows)))
    for part in rows.split(at_once, dim=1):
        wide = part.double()
        gram.addmm_(wide, wide.T)
    squares, axes = torch.linalg.eigh(gram)
    coordinates: torch.Tensor = axes * squares.clamp_min(0).sqrt()
    return coordinates.to(rows.dtype)


def distinct(tops: torch.Tensor) -> int:
    """Return how many different images the sets ``tops`` (m, k) hold."""
    return int(tops.unique().numel())
