"""Gaussian noise, which adversarial sets are held against, and clipping to the box (slip "clipped noise")."""

from collections.abc import Sequence

import numpy as np
import torch

from blindspots.arguments import check_dense, numbers_of, of_numpy_too
from blindspots.errors import InputError
from blindspots.models.checks import check_examples, check_positive
from blindspots.randomness import generator


@of_numpy_too
def gaussian_noise(
    shape: Sequence[int],
    *,
    stddev: float,
    seed: int,
    examples: Sequence[int] | np.ndarray | torch.Tensor,
    split: str = "",
) -> torch.Tensor:
    """Return Gaussian noise of standard deviation ``stddev``, not clipped, one stream of random numbers an example.

    An example's draw depends on ``seed``, ``split`` and its id alone, not on the batch, and is the *same*
    standard-normal draw for all standard deviations, scaled: so two reference sets differ in strength only.

    ``shape``: (n, ...), the images' shape; ``examples``: the n ids, integers from 0. Returns float32 on the CPU, in the
    unit of a pixel value. Raises :class:`InputError` for a ``stddev`` that is not positive or ids that do not fit.
    """
    check_positive("stddev", stddev)
    shape = numbers_of(shape)
    if not shape or any(int(size) < 1 for size in shape):
        raise InputError(f"the noise's shape is {tuple(shape)}; give the images' shape (n, ...), each at least 1")
    ids = check_examples(examples, int(shape[0]))
    rows = [
        generator(seed, "noise", split, index=index).standard_normal(tuple(shape[1:]), dtype=np.float64)
        for index in ids
    ]
    return torch.from_numpy((np.stack(rows) * stddev).astype(np.float32))


@of_numpy_too
def clipped(images: torch.Tensor, perturbation: torch.Tensor) -> torch.Tensor:
    """Return what is left of ``perturbation`` when ``images + perturbation`` is clipped to [0, 1].

    ``images``: (n, ...) in [0, 1]; ``perturbation``: the same shape. Adding the result to ``images`` in the same dtype
    stays in the box. Raises :class:`InputError` if the shapes differ.
    """
    check_dense("images", images)
    check_dense("the perturbation", perturbation)
    if images.shape != perturbation.shape:
        raise InputError(
            f"the perturbation's shape is {tuple(perturbation.shape)}, the images' {tuple(images.shape)}: "
            "they must agree"
        )
    return (images + perturbation).clamp(0, 1) - images
