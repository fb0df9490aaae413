"""What random directions would meet if a model had one flat boundary: the closed form that negatives are held against.

In high dimension almost all directions are nearly orthogonal to any one: so a boundary a step away along its normal is
many steps away along most others, and rates rise steeply with the distortion.
"""

import math

from blindspots.errors import InputError


def flat_boundary_share(multiple: float, values: int) -> float:
    """Return the share of directions that cross a flat boundary at ``multiple`` times its distance.

    For v uniform on the unit sphere of R^m and a unit normal w it is, for t > 1, ``P(v . w >= 1 / t) = I((m - 1) / 2,
    1 / 2; 1 - 1 / t^2) / 2`` with the regularised incomplete beta function I, and 0 below. In high dimension it is near
    the probability of a standard normal number above ``sqrt(m) / t``: in 784 dimensions, one direction in 10^8 at
    five times the distance.

    ``values``: m, values in an image. Raises :class:`InputError` for a multiple that is not positive, and below m = 2.
    """
    from scipy.special import betainc

    if not (math.isfinite(multiple) and multiple > 0):
        raise InputError(f"the multiple is {multiple!r}; give a number above 0")
    if values < 2:
        raise InputError(f"values is {values}; directions are drawn in 2 dimensions at least")
    if multiple <= 1:
        return 0.0
    return float(betainc((values - 1) / 2, 0.5, 1 - multiple**-2) / 2)
