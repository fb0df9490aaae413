"""What a stage is trained on: squares out of pictures, whitened, and the minibatches they are shown in."""

import numpy as np
import torch

from blindspots.networks.quocnet import resized
from blindspots.randomness import generator
from blindspots.study.quocnet_size import QuocNetSize

_LEAST_SIDE = 0.4
"""The least side of a square, as a share of the picture's shorter side."""


def squares(picture: torch.Tensor, size: QuocNetSize, *, count: int, seed: int, example: int) -> torch.Tensor:
    """Return ``count`` squares out of a picture (channels, height, width), at the size of a network's images.

    The first is the largest in the middle; the others lie where and are as large as ``seed`` and the picture's id
    ``example`` say. Raises :class:`InputError` where the channels do not fit.
    """
    found = [resized(picture[None], size)]
    draw = generator(seed, "square", index=example)
    height, width = picture.shape[1:]
    for _ in range(1, count):
        side = max(1, round(min(height, width) * draw.uniform(_LEAST_SIDE, 1)))
        top, left = (int(draw.integers(0, full - side + 1)) for full in (height, width))
        found.append(resized(picture[None, :, top : top + side, left : left + side], size))
    return torch.cat(found)


def batch_rows(rows: int, batch: int, *, seed: int, stage: int, step: int) -> np.ndarray:
    """Return which of a stage's ``rows`` inputs are shown in a step: in the order that the pass's seed says.

    A pass leaves out what does not fill a minibatch.
    """
    size = min(batch, rows)
    a_pass = rows // size
    order = generator(seed, "minibatches of a stage", str(stage), index=step // a_pass).permutation(rows)
    at = step % a_pass * size
    return order[at : at + size]
