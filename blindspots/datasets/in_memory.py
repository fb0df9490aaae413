"""A data set whose images are arrays in memory."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from blindspots.datasets.labelled import LabelledSplits
from blindspots.datasets.scale import of_one_scale
from blindspots.errors import InputError
from blindspots.identity import array_hash, identity

if TYPE_CHECKING:
    import torch


def of_arrays(
    name: str, pixels: dict[str, np.ndarray], labels: dict[str, np.ndarray], class_names: tuple[str, ...] = ()
) -> "ArrayDataset":
    """Return the data set of checked arrays by split, known by the hash of all of them.

    Images are by one scale, as :func:`.of_one_scale` has them.
    ``class_names``: by default the classes are called by their numbers, from 0 to the largest label. Raises
    :class:`InputError` where there is one class alone, or where the images of the splits differ in shape.
    """
    shapes = {split: images.shape[1:] for split, images in pixels.items()}
    if len(set(shapes.values())) > 1:
        raise InputError(f"{name}: images of train are {shapes['train']}, of test {shapes['test']}")
    pixels = of_one_scale(pixels, name)
    names = class_names or tuple(map(str, range(max(int(of.max()) for of in labels.values()) + 1)))
    if len(names) < 2:
        raise InputError(f"{name} has {len(names)} class; two at least are wanted")
    hashes = {
        f"{split}_{what}": array_hash(of[split])
        for what, of in (("images", pixels), ("labels", labels))
        for split in pixels
    }
    return ArrayDataset(name, names, identity(classes=len(names), **hashes), labels, pixels)


@dataclass(frozen=True, eq=False)
class ArrayDataset(LabelledSplits):
    """Images and labels as arrays."""

    pixels: dict[str, np.ndarray]
    """Images of train and test, or of test alone: (n, height, width) of one channel, or (n, channels, height, width);
    uint8, of which 255 is white, or float32 in [0, 1]."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image: (channels, height, width)."""
        shape = self.pixels["test"].shape[1:]
        return shape if len(shape) == 3 else (1, *shape)

    def read(self, stored: str, ids: np.ndarray) -> "torch.Tensor":
        """Return the images ``ids`` of train or test: (n, channels, height, width) float32 in [0, 1]."""
        import torch

        pixels = torch.from_numpy(self.pixels[stored][ids]).reshape(-1, *self.shape)
        return pixels.to(torch.float32).div_(255) if pixels.dtype == torch.uint8 else pixels.clone()
