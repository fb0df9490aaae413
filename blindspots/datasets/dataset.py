"""A data set in memory: images in [0, 1] with integer labels, by split and example id."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blindspots.datasets.archive import ARCHIVES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from blindspots.datasets.idx import parse_idx
from blindspots.datasets.sources import fetch
from blindspots.datasets.splits import balanced_order, halves
from blindspots.errors import InputError

if TYPE_CHECKING:
    import torch

_STORED = {"train": "train", "p1": "train", "p2": "train", "test": "test"}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels of the splits train and test, and the halves p1 and p2 of train.

    Examples are named by their index in the file: those of p1 and p2 by their index in train.
    """

    name: str
    class_names: tuple[str, ...]
    sha256: str
    """Hash over the hashes of the files: what the data set is known by."""
    pixels: dict[str, np.ndarray]
    """uint8 images (n, 28, 28) of train and test."""
    classes_of: dict[str, np.ndarray]
    """uint8 labels (n,) of train and test."""

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image: (channels, height, width)."""
        return (1, *self.pixels["train"].shape[1:])

    def images(self, split: str, ids: Sequence[int] | np.ndarray | None = None) -> "torch.Tensor":
        """Return the images ``ids`` of a split, all of it by default: (n, 1, 28, 28) float32 in [0, 1].

        A fresh tensor with torch's own alignment, since another alignment can change a product's last bits.
        """
        import torch  # the data set is looked at by much that computes nothing

        pixels = torch.from_numpy(self.pixels[_stored(split)][self._ids(split, ids)])
        return pixels.unsqueeze(1).to(torch.float32).div_(255)

    def labels(self, split: str, ids: Sequence[int] | np.ndarray | None = None) -> "torch.Tensor":
        """Return the labels of the examples ``ids`` of a split, all of it by default: (n,) int64."""
        import torch

        return torch.from_numpy(self.classes_of[_stored(split)][self._ids(split, ids)].astype(np.int64))

    def ids(self, split: str, seed: int = 0) -> np.ndarray:
        """Return the ids of a split, sorted; ``seed`` decides how train is halved into p1 and p2."""
        labels = self.classes_of[_stored(split)]
        if split in ("p1", "p2"):
            return halves(labels, seed=seed)[split == "p2"]
        return np.arange(len(labels))

    def order(self, split: str, seed: int) -> np.ndarray:
        """Return all ids of a split in its one seeded, class-balanced order."""
        ids = self.ids(split, seed)
        return ids[balanced_order(self.classes_of[_stored(split)][ids], seed=seed, split=split)]

    def _ids(self, split: str, ids: Sequence[int] | np.ndarray | None) -> np.ndarray:
        if ids is None:
            return self.ids(split)
        found, size = np.asarray(ids), len(self.classes_of[_stored(split)])
        if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
            raise InputError(f"example ids are a list of integers, not {found.dtype} of shape {found.shape}")
        wrong = found[(found < 0) | (found >= size)]
        if wrong.size:
            raise InputError(f"the example {wrong[0]} is not in {split} of {self.name}: ids go from 0 to {size - 1}")
        return found.astype(np.int64)


def _stored(split: str) -> str:
    try:
        return _STORED[split]
    except KeyError:
        raise InputError(f"no split is called {split!r}; there are {', '.join(_STORED)}") from None


def load_dataset(name: str, *, folder: Path | None = None) -> Dataset:
    """Return the data set ``name``, mnist or fashion-mnist, from ``folder`` or by the ways of :mod:`.sources`.

    Raises :class:`InputError` for another name, for files that are not the originals, or where they cannot be had.
    """
    if name not in ARCHIVES:
        raise InputError(f"no data set is called {name!r}; there are {', '.join(ARCHIVES)}")
    archive = ARCHIVES[name]
    files = fetch(archive, folder)
    arrays = {file: parse_idx(content, file) for file, content in files.items()}
    return Dataset(
        name=name,
        class_names=archive.classes,
        sha256=hashlib.sha256("".join(archive.files.values()).encode()).hexdigest(),
        pixels={"train": arrays[TRAIN_IMAGES], "test": arrays[TEST_IMAGES]},
        classes_of={"train": arrays[TRAIN_LABELS], "test": arrays[TEST_LABELS]},
    )


@lru_cache(maxsize=2)
def dataset_once(name: str, folder: Path | None) -> Dataset:
    """Return :func:`load_dataset`'s, read once a process: nobody writes to it."""
    return load_dataset(name, folder=folder)
