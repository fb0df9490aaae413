"""Images as PNG files for a browser: rounded to 8 bits, which nothing is computed from."""

import io

import numpy as np


def image_png(image: np.ndarray) -> bytes:
    """Return an image (channels, height, width) as a PNG file; values outside [0, 1] are cut.

    Three channels are red, green and blue; of any other number the mean is shown.
    """
    return _png(image if len(image) == 3 else image.mean(axis=0, keepdims=True))


def difference_png(perturbation: np.ndarray) -> bytes:
    """Return a perturbation (channels, height, width) as a PNG file: grey is nothing, black and white the largest.

    The largest absolute value is :func:`largest`.
    """
    scale = largest(perturbation)
    return image_png(0.5 + perturbation / (2 * scale) if scale else np.full_like(perturbation, 0.5))


def largest(perturbation: np.ndarray) -> float:
    """Return the largest absolute value of what is shown of a perturbation."""
    shown = perturbation if len(perturbation) == 3 else perturbation.mean(axis=0, keepdims=True)
    return float(np.abs(shown).max())


def _png(image: np.ndarray) -> bytes:
    from PIL import Image

    pixels = np.rint(np.nan_to_num(image).clip(0, 1) * 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)).save(content, "png")
    return content.getvalue()
