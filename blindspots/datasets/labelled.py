"""What data sets share whose labels are in memory, wherever the images are."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from blindspots.datasets.dataset import Ids
from blindspots.datasets.splits import balanced_order, halves
from blindspots.errors import InputError

if TYPE_CHECKING:
    import torch

_STORED = {"train": "train", "p1": "train", "p2": "train", "test": "test"}


@dataclass(frozen=True, eq=False)
class LabelledSplits(ABC):
    """A :class:`~blindspots.datasets.dataset.Dataset` but for its images: splits, ids, orders and labels."""

    name: str
    class_names: tuple[str, ...]
    sha256: str
    """Hash over all images and labels: what the data set is known by."""
    classes_of: dict[str, np.ndarray]
    """Integer labels (n,) of train and test, or of test alone."""

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that there are."""
        return tuple(split for split, stored in _STORED.items() if stored in self.classes_of)

    @abstractmethod
    def read(self, stored: str, ids: np.ndarray) -> "torch.Tensor":
        """Return the images ``ids``, which are there, of train or test: fresh, (n, ...) float32 in [0, 1]."""

    def images(self, split: str, ids: Ids | None = None) -> "torch.Tensor":
        """Return the images ``ids`` of a split, all of it by default: (n, channels, height, width) in [0, 1]."""
        return self.read(self._stored(split), self._ids(split, ids))

    def labels(self, split: str, ids: Ids | None = None) -> "torch.Tensor":
        """Return the labels of the examples ``ids`` of a split, all of it by default: (n,) int64."""
        import torch  # the data set is looked at by much that computes nothing

        return torch.from_numpy(self.classes_of[self._stored(split)][self._ids(split, ids)].astype(np.int64))

    def ids(self, split: str, seed: int = 0) -> np.ndarray:
        """Return the ids of a split, sorted; ``seed`` decides how train is halved into p1 and p2."""
        labels = self.classes_of[self._stored(split)]
        if split in ("p1", "p2"):
            return halves(labels, seed=seed)[split == "p2"]
        return np.arange(len(labels))

    def order(self, split: str, seed: int) -> np.ndarray:
        """Return all ids of a split in its one seeded, class-balanced order."""
        ids = self.ids(split, seed)
        order: np.ndarray = ids[balanced_order(self.classes_of[self._stored(split)][ids], seed=seed, split=split)]
        return order

    def _ids(self, split: str, ids: Ids | None) -> np.ndarray:
        if ids is None:
            return self.ids(split)
        found, size = np.asarray(ids), len(self.classes_of[self._stored(split)])
        if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
            raise InputError(f"example ids are a list of integers, not {found.dtype} of shape {found.shape}")
        wrong = found[(found < 0) | (found >= size)]
        if wrong.size:
            raise InputError(f"the example {wrong[0]} is not in {split} of {self.name}: ids go from 0 to {size - 1}")
        return found.astype(np.int64)

    def _stored(self, split: str) -> str:
        if split not in _STORED:
            raise InputError(f"no split is called {split!r}; there are {', '.join(_STORED)}")
        if split not in self.splits:
            raise InputError(f"{self.name} has no split {split}; it has {', '.join(self.splits)}")
        return _STORED[split]
