"""One picture out of a file's bytes, by Pillow: what it is, and the image that is cut out of it."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from blindspots.study.pictures_spec import PicturesSpec

if TYPE_CHECKING:
    from PIL.Image import Image

COLOUR, GREY = "colour", "grey"
_IN_COLOUR, _IN_GREY = ("RGB", "CMYK", "YCbCr", "P"), ("L", "1")
_WITH_ALPHA = {"RGBA": "RGB", "LA": "L", "PA": "RGB"}


@dataclass(frozen=True)
class Found:
    """What a file holds: a picture in colour or in grey, or none that can be used, and why."""

    kind: str = ""
    problem: str = ""


def look_at(content: bytes) -> Found:
    """Decode the whole of a file's ``content`` and return what it holds."""
    try:
        return Found(COLOUR if _opened(content).mode == "RGB" else GREY)
    except Exception as error:  # decoders raise what they like
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Found(problem="is no picture" if "cannot identify" in reason else reason[:120])


def decoded(content: bytes, wanted: PicturesSpec) -> np.ndarray:
    """Return the image (channels, size, size) uint8 of a file's ``content``.

    The central square whose side is ``wanted.crop`` times the picture's shorter side, resized where it is not of
    ``wanted.size`` pixels: the same as resizing the whole and cutting the centre out of that. Pixels are taken as they
    are stored, whatever a camera says of their orientation. A square of the wanted size is cut out at whole pixels and
    not touched.
    """
    from PIL.Image import Resampling

    if wanted.size is None:
        raise ValueError("the size of an image is wanted")
    image = _opened(content).convert("RGB" if wanted.channels == 3 else "L")
    size = wanted.size
    side = (wanted.crop or 1.0) * min(image.size)
    left, top = ((length - side) / 2 for length in image.size)
    if side == size:
        left, top = int(left), int(top)
        image = image.crop((left, top, left + size, top + size))
    else:
        method = Resampling.BILINEAR if wanted.interpolation == "bilinear" else Resampling.BICUBIC
        image = image.resize((size, size), method, box=(left, top, left + side, top + side))
    pixels = np.asarray(image)
    return np.array(pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[None], order="C")


def _opened(content: bytes) -> "Image":
    """Return the picture in RGB or in grey (L), whole; raise ``ValueError`` where something of it would be lost."""
    from PIL import Image

    image: Image.Image = Image.open(io.BytesIO(content))
    image.load()
    if "transparency" in image.info and image.mode not in _WITH_ALPHA:
        image = image.convert("LA" if image.mode in _IN_GREY else "RGBA")
    if image.mode in _WITH_ALPHA:
        if np.asarray(image.getchannel("A")).min() < 255:
            raise ValueError("parts of it are transparent")
        return image.convert(_WITH_ALPHA[image.mode])
    if image.mode in _IN_COLOUR:
        return image.convert("RGB")
    if image.mode in _IN_GREY:
        return image.convert("L")
    raise ValueError(f"its values are of Pillow's mode {image.mode}; 8 bits a channel are wanted")
