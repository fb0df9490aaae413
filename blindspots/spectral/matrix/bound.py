"""What is known of a Lipschitz constant: never below the one number, never above the other; or nothing at all."""

import math
import sys
from dataclasses import dataclass

from blindspots.errors import InputError


@dataclass(frozen=True)
class Bound:
    """Bounds of a map's least Lipschitz constant in Euclidean norms; of a linear map that is its operator norm."""

    lower: float
    """Some pair of inputs is spread apart at least this much, up to rounding of the last digits."""
    upper: float
    """No pair of inputs is spread apart more than this; infinity where nothing is known to hold."""
    method: str
    """How the two were found, in a few words."""
    residual: float = 0.0
    """Of the lower bound's singular pair, relative: ``|A'A v - s^2 v| / s^2``; 0 for closed forms."""
    jump: float = 0.0
    """How far at most, in the norm of its outputs, the map lies off one of which ``upper`` holds: where it jumps by no
    more than float32 rounds."""

    def __post_init__(self) -> None:
        if not 0 <= self.lower <= self.upper:  # NaN fails as well
            raise ValueError(f"lower = {self.lower} and upper = {self.upper}: 0 <= lower <= upper must hold")
        if not math.isfinite(self.lower):
            raise ValueError(f"lower = {self.lower}: a lower bound is finite")

    @property
    def tight(self) -> bool:
        """Whether the two sides are one number to 1e-6, as where the constant is known in closed form."""
        return self.upper <= self.lower * (1 + 1e-6)


def times(first: float, second: float) -> float:
    """Return the product of two constants: 0 where one is, infinity where a float64 does not hold the product.

    A product that underflows is no 0: of many constants one after another, others may bring it up again.
    """
    if first == 0 or second == 0:
        return 0.0
    product = first * second
    return product if product >= sys.float_info.min else math.inf


class NoRuleError(InputError):
    """A layer has no rule: what bounds it is unknown, or nothing does. Never is it taken for 1."""
