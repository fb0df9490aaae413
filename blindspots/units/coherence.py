"""How alike the top images of a direction are: measures over their pairs, each beside what chance gives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch

from blindspots.device import rows_at_once

SAME_LABEL, OF_WORDNET, OF_FEATURES, OF_PIXELS = "same label", "wordnet", "features", "pixels"
SAME_BRANCH = "same branch"
"""The measures of a study, by name: the share of pairs with one label; what two classes are kinds of, by WordNet, and
the share of pairs in one of its branches; and cosines of another network's features, and of pixels."""
_MOST_PAIRED = 4000
"""Images of which all cosines are kept: 64 MB."""


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

    features: torch.Tensor | None
    """(n, p) float32, each of length 1; None where all cosines are there."""
    cosines: torch.Tensor | None = None
    """(n, n) between all pairs, where there are few enough."""

    @classmethod
    def between(cls, features: torch.Tensor) -> "Cosine":
        """Return the measure for ``features`` (n, ...) of any length, which are left as they are.

        Of few images all cosines are computed, once, and the features not kept. Features that are all 0, as the pixels
        of a black image are, have no direction: their cosine with any is 0.
        """
        rows = features.flatten(1).float()
        lengths = rows.norm(dim=1, keepdim=True)
        lengths = torch.where(lengths > 0, lengths, 1)
        if len(rows) <= _MOST_PAIRED:
            return cls(None, (rows @ rows.T) / (lengths * lengths.T))
        return cls(rows / lengths)

    @property
    def chance(self) -> float:
        """The sum of all cosines but each image's own; of features the squared length of their sum, less their own."""
        if self.cosines is not None:
            cosines, count = self.cosines.double(), len(self.cosines)
            return float((cosines.sum() - cosines.diagonal().sum()) / (count * (count - 1)))
        assert self.features is not None
        count = len(self.features)
        total = self.features.double().sum(dim=0).square().sum()
        return float((total - self.features.double().square().sum()) / (count * (count - 1)))

    def of(self, tops: torch.Tensor) -> torch.Tensor:
        """Return the mean over the pairs of each set."""
        if self.cosines is not None:
            return _without_diagonal(self.cosines[tops[:, :, None], tops[:, None, :]].double())
        assert self.features is not None
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


def gram_of(rows: torch.Tensor) -> torch.Tensor:
    """Return the inner products (n, n) of ``rows`` (n, d), in float64."""
    gram = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows.device)
    for part in rows.split(rows_at_once(len(rows)), dim=1):
        wide = part.double()
        gram.addmm_(wide, wide.T)
    return gram


def span_of(gram: torch.Tensor) -> torch.Tensor:
    """Return rows (n, n) with the inner products ``gram`` (n, n): its eigenvectors times its eigenvalues' roots."""
    squares, axes = torch.linalg.eigh(gram)
    coordinates: torch.Tensor = axes * squares.clamp_min(0).sqrt()
    return coordinates


def distinct(tops: torch.Tensor) -> int:
    """Return how many different images the sets ``tops`` (m, k) hold."""
    return int(tops.unique().numel())
