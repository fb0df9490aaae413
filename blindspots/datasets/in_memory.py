"""A data set whose images are arrays in memory."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from blindspots.datasets.labelled import LabelledSplits

if TYPE_CHECKING:
    import torch


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
