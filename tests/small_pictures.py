"""Small pictures that tests make themselves: of plain colours with some noise, a colour a class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("n01440764_tench", "n01518878_ostrich", "n02012849_crane", "n03126707_crane")
"""Four of ImageNet's classes, two of them of one name."""


def pixels(label: int, index: int, size: tuple[int, int] = (20, 16)) -> np.ndarray:
    """Return a picture (height, width, 3) uint8; ``size`` is (width, height)."""
    draw = np.random.default_rng([label, index])
    colour = np.random.default_rng(label).integers(40, 216, 3)
    noise = draw.integers(-40, 41, (size[1], size[0], 3))
    return (colour + noise).astype(np.uint8)


def save(path: Path, label: int, index: int, *, mode: str = "RGB", size: tuple[int, int] = (20, 16)) -> Path:
    """Write a picture, whose format is that of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(label, index, size)).convert(mode).save(path)
    return path


def folder_of_pictures(
    folder: Path, *, each: int = 3, classes: Sequence[str] = CLASSES, size: tuple[int, int] = (20, 16)
) -> Path:
    """Make a folder a class with ``each`` pictures in it."""
    for label, name in enumerate(classes):
        for index in range(each):
            save(folder / name / f"{index}.png", label, index, size=size)
    return folder
