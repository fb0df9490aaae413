"""Random directions from an image, and the points along them: on the sphere, and in the box."""

import math
from collections.abc import Iterator

import numpy as np
import torch

from blindspots.device import rows_at_once
from blindspots.randomness import generator

_ARRAYS = 32
"""Of directions: points and what they are made from, at every multiple."""
_PASSES = 60


def random_directions(
    image: torch.Tensor, count: int, *, seed: int, example: int, split: str = ""
) -> Iterator[torch.Tensor]:
    """Yield ``count`` directions (k, m), uniform on the sphere and with a root mean square of 1, in parts.

    Of one stream of random numbers an example: the first directions of many are those of few. ``image``: (m,), whose
    dtype and device they get.
    """
    draw = generator(seed, "direction", split, index=example)
    at_once = directions_at_once(image)
    for start in range(0, count, at_once):
        normal = draw.standard_normal((min(at_once, count - start), len(image)), dtype=np.float32)
        drawn = torch.from_numpy(normal).to(image)
        yield drawn * (math.sqrt(len(image)) / drawn.norm(dim=1, keepdim=True))


def on_sphere(image: torch.Tensor, directions: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    """Return ``image + size * direction``: (t, k, m) of (m,), (k, m) and (t,)."""
    return torch.stack([torch.add(image, directions, alpha=float(size)) for size in sizes])


def in_box(image: torch.Tensor, directions: torch.Tensor, sizes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``clip(image + s * direction)`` to [0, 1], of distortion ``size``: points (t, k, m), and which there are.

    The points of :func:`~blindspots.perturbation.amplify.amplified_in_box`, for all sizes of a direction and without
    sorting. With q = s^2 the mean square, ``mean(min(q * v^2, room^2))``, is concave and piecewise linear in q, so
    Newton's iteration from the left stays on the left and ends in finitely many steps. Where the box holds no such
    distortion along the direction, the second result (t, k) is False and the point means nothing.

    ``image``: (m,) in [0, 1]; ``directions``: (k, m); ``sizes``: (t,) distortions.
    """
    square = directions.square()
    room = torch.where(directions > 0, 1 - image, torch.where(directions < 0, image, 0)).square()
    wanted = (sizes.double().square() * len(image)).to(image)[:, None].expand(-1, len(directions))
    rounding = 8 * torch.finfo(image.dtype).eps
    held = wanted <= room.sum(dim=1) * (1 + rounding)
    least = wanted / (square * (room > 0)).sum(dim=1).clamp_min(torch.finfo(image.dtype).tiny)
    points, scales = directions.new_empty(len(sizes), *directions.shape), torch.empty_like(least)
    for place in range(len(sizes)):
        q = least[place]
        if place and sizes[place] > sizes[place - 1]:  # q is convex in the mean square, and 0 at 0
            q = q.maximum(scales[place - 1] * (wanted[place] / wanted[place - 1]))
        for _ in range(_PASSES):
            reached = q[:, None] * square
            missing = wanted[place] - torch.minimum(reached, room).sum(dim=1)
            slope = (square * (reached < room)).sum(dim=1)
            moving = (missing > rounding * wanted[place]) & (slope > 0)
            if not moving.any():
                break
            q = torch.where(moving, q + missing / slope, q)
        scales[place] = q
        points[place] = torch.addcmul(image, q.sqrt()[:, None], directions).clamp_(0, 1)
    return points, held


def directions_at_once(image: torch.Tensor) -> int:
    """Return along how many directions ``image`` is shown together."""
    return rows_at_once(image.numel(), arrays=_ARRAYS)
