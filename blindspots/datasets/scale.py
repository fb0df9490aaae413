"""What is white in images of integers: 255, or 1 where none of them goes beyond."""

import logging
from collections.abc import Mapping

import numpy as np

logger = logging.getLogger(__name__)

_WHITE = 255
_DARK = 16
"""Pixels up to here are nearly black of 255, and as a rule of another scale, as those of scikit-learn's digits."""


def of_one_scale(pixels: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return the images of all splits of the data set ``name``, those of integers by one scale.

    ``pixels``: uint8, or float32 in [0, 1], which are returned as they are. Where no integer of any split is above 1
    they are black and white, and float32 is returned: 0 and 1. Else 255 is white, and where none comes near, that is
    logged.
    """
    largest = max((int(images.max()) for images in pixels.values() if images.dtype == np.uint8), default=_WHITE)
    if largest <= 1:
        return {split: images.astype(np.float32) for split, images in pixels.items()}
    if largest <= _DARK:
        logger.warning(
            "%s: the largest pixel is %d of %d, so that all is nearly black; divide the pixels to [0, 1] yourself "
            "where they are of another scale",
            *(name, largest, _WHITE),
        )
    return dict(pixels)
