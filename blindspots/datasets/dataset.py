"""What a data set is to everyone else: images in [0, 1] with integer labels, by split and example id."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import torch

Ids = Sequence[int] | np.ndarray
"""Indices of examples in the data set's own order."""


class Dataset(Protocol):
    """Images and labels of the splits train and test, and of the halves p1 and p2 of train.

    Examples are named by their index in the split that is stored: those of p1 and p2 by their index in train. Images
    are asked for by their ids, some at a time, so that they need not all fit in memory.
    """

    @property
    def name(self) -> str:
        """What the data set is called."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""

    @property
    def classes(self) -> int:
        """How many classes there are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image: (channels, height, width)."""

    @property
    def sha256(self) -> str:
        """Hash over all images and labels: what the data set is known by."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that there are: train, p1, p2 and test, or test alone."""

    def images(self, split: str, ids: Ids | None = None) -> "torch.Tensor":
        """Return the images ``ids`` of a split, all of it by default: (n, channels, height, width) float32 in [0, 1].

        A fresh tensor with torch's own alignment, since another alignment can change a product's last bits. Raises
        :class:`InputError` for a split or an id that is not there, as the other methods do.
        """

    def labels(self, split: str, ids: Ids | None = None) -> "torch.Tensor":
        """Return the labels of the examples ``ids`` of a split, all of it by default: (n,) int64."""

    def ids(self, split: str, seed: int = 0) -> np.ndarray:
        """Return the ids of a split, sorted; ``seed`` decides how train is halved into p1 and p2."""

    def order(self, split: str, seed: int) -> np.ndarray:
        """Return all ids of a split in its one seeded, class-balanced order."""
