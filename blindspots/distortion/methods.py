"""How a search goes about it: the methods, as objects, and their names."""

from dataclasses import dataclass
from numbers import Integral
from typing import Literal

from blindspots.distortion.projection.projection import ROUNDS
from blindspots.errors import InputError

METHODS = ("auto", "lbfgs", "lbfgs-norm", "projection")


def _check_counts(**counts: int) -> None:
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise InputError(f"{name} is {value!r}; give an integer from 1")


@dataclass(frozen=True)
class Projection:
    """Sequential projection onto the linearised boundary: the least distortion, without the paper's penalty."""

    rounds: int = ROUNDS
    """Linearisations of a pair of image and class at most."""

    def __post_init__(self) -> None:
        _check_counts(rounds=self.rounds)


@dataclass(frozen=True)
class Lbfgs:
    """The paper's method: box-constrained L-BFGS on a penalty, with a search over its weight c (section 4.1)."""

    penalty: Literal["squared", "norm"] = "squared"
    """``c |r|^2``, or ``c |r|`` as printed (slip "largest c")."""
    c: Literal["example", "set"] = "example"
    """Whether every image has a c of its own, or one c is sought for all of them."""
    values: int = 7
    """Values of c tried once it is bracketed."""
    iterations: int = 30
    """Iterations for one value of c at most."""
    tolerance: float = 0.03
    """An image is done with a value of c when its projected gradient is this share of the penalty's."""

    def __post_init__(self) -> None:
        _check_counts(values=self.values, iterations=self.iterations)
        if self.penalty not in ("squared", "norm"):
            raise InputError(f"the penalty is {self.penalty!r}; give 'squared' or 'norm'")
        if self.c not in ("example", "set"):
            raise InputError(f"c is {self.c!r}; give 'example' or 'set'")
        if not 0 < self.tolerance < 1:
            raise InputError(f"tolerance is {self.tolerance!r}; give a number between 0 and 1")


@dataclass(frozen=True)
class Auto:
    """The one that finds less: projection for the nearest class; for a target L-BFGS, then projection from there.

    In models of more than ten classes the boundary is drawn back to from there, where it is not flat.
    """

    lbfgs: Lbfgs = Lbfgs(values=2, iterations=12, tolerance=0.3)
    among_many: Lbfgs = Lbfgs(values=1, iterations=12, tolerance=0.3)
    """In the place of :attr:`lbfgs` for models of more than ten classes."""
    projection: Projection = Projection()


Method = Auto | Lbfgs | Projection


def method_of(method: str | Method) -> Method:
    """Return the method that ``method`` names; raise :class:`InputError` for a name there is none of."""
    if isinstance(method, Auto | Lbfgs | Projection):
        return method
    named: dict[str, Method] = {
        "auto": Auto(),
        "lbfgs": Lbfgs(),
        "lbfgs-norm": Lbfgs(penalty="norm"),
        "projection": Projection(),
    }
    if method not in named:
        raise InputError(f"no method is called {method!r}; give one of {', '.join(METHODS)}, or a method object")
    return named[method]
