"""Perturbations made larger along their own direction (Table 4's lower half)."""

import torch

from blindspots.distortion.checks import check_positive
from blindspots.distortion.measure import distortion


def amplified(perturbation: torch.Tensor, *, to: float = 0.1) -> torch.Tensor:
    """Return every row's perturbation rescaled to the distortion ``to``: ``to * r / rms(r)`` (section 4.2, Table 4).

    The paper prints ``||r||_2`` under the fraction; its own "from 0.06 to 0.1" shows that the root mean square is
    meant (slip 5). ``images + amplified(r)`` may leave [0, 1], as in print; ``clipped(images, amplified(r))`` of
    :mod:`blindspots.distortion.noise` is the variant that stays inside. A row of zeros has no direction and stays
    zero.

    ``perturbation``: (n, ...). Returns the same shape and dtype. Raises :class:`InputError` for a ``to`` that is not
    a positive number.
    """
    check_positive("to", to)
    size = distortion(perturbation)
    factor = torch.where(size > 0, to / size, torch.zeros_like(size))
    shape = (-1, *[1] * (perturbation.dim() - 1))
    return (perturbation.double() * factor.reshape(shape)).to(perturbation.dtype)
