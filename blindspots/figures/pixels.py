"""Images of any data set as matplotlib shows them: grey, or in colours where they have three channels."""

import numpy as np


def shown_pixels(images: np.ndarray) -> np.ndarray:
    """Return ``images`` (n, channels, height, width) as (n, height, width) in grey or (n, height, width, 3) in colour.

    Three channels are red, green and blue; any other number is averaged.
    """
    if images.shape[1] == 3:
        return np.moveaxis(images, 1, -1)
    return images[:, 0] if images.shape[1] == 1 else images.mean(axis=1)
