"""How large a perturbation is."""

import torch

from blindspots.arguments import check_dense, of_numpy_too


@of_numpy_too
def distortion(perturbation: torch.Tensor) -> torch.Tensor:
    """Return the distortion of each row: the root mean square over its values, ``sqrt(sum(r ** 2) / n)`` (section 4.1).

    ``perturbation``: (n, ...). Returns (n,) in float64, in the unit of a pixel value. Colour channels count as values.
    """
    check_dense("the perturbation", perturbation)
    return perturbation.double().flatten(1).square().mean(dim=1).sqrt()
