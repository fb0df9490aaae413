"""How a search goes about it: the methods, as objects, and their names."""

import math
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Literal

from blindspots.distortion.projection.projection import EARLY, LAST, LATE, ROUNDS, SMOOTH, Dropping
from blindspots.errors import InputError

EFFORTS = ("fast", "usual", "thorough")
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
        if not isinstance(self.tolerance, Real) or not 0 < self.tolerance < 1:
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
    effort: "Effort" = "usual"
    """How much is tried beyond that, as :class:`Tries` says."""

    def __post_init__(self) -> None:
        if self.effort not in EFFORTS:
            raise InputError(f"effort is {self.effort!r}; give one of {', '.join(EFFORTS)}")

    @property
    def tries(self) -> "Tries":
        """What the effort comes to."""
        return _TRIES[self.effort]


@dataclass(frozen=True)
class Tries:
    """What is tried on networks that are not smooth, and how long classes are kept."""

    dropping: Dropping
    """When the projection gives a class up."""
    smooth: Dropping
    """The same in smooth networks."""
    lines: bool
    """Whether the boundary is cut towards from what is found, about 10 gradients."""
    starts: bool
    """Whether the boundaries of two other classes are begun at too, about 20 gradients; towards a target, the image
    itself, about 100."""
    hops: int
    """How often noise is put upon what is found and the boundary cut towards from there ..."""
    at_once: int
    """... from how many points at once, about 12 gradients each."""
    targets: int
    """Under nearest, likely classes that are searched as targets besides, about 60 gradients each ..."""
    saturated: int
    """... and in smooth networks, for images at which the logits saturate. There the rest of these is tried, too."""
    climbs: int
    """Pictures that each class is climbed to from, for images that are not found, and, where a network is not smooth,
    for those ..."""
    far: float
    """... whose distortion is larger than this."""
    crossed: int
    """Pictures to which lines are looked along for every image where differences take the place of gradients."""
    classes: bool
    """Under nearest, whether every class, of ten at most, is searched as a target, with this effort."""
    methods: bool
    """Towards a target, whether the paper's method is tried in full too; and in up to 3 dimensions a grid."""


_TRIES = {
    "fast": Tries(
        EARLY, EARLY, lines=False, starts=False, hops=0, at_once=0, targets=0, saturated=0,
        climbs=64, far=math.inf, crossed=0, classes=False, methods=False,
    ),
    "usual": Tries(
        LATE, SMOOTH, lines=True, starts=True, hops=2, at_once=3, targets=0, saturated=6,
        climbs=256, far=0.12, crossed=500, classes=False, methods=False,
    ),
    "thorough": Tries(
        LAST, LAST, lines=True, starts=True, hops=4, at_once=16, targets=9, saturated=0,
        climbs=512, far=0.0, crossed=500, classes=True, methods=True,
    ),
}  # fmt: skip


Method = Auto | Lbfgs | Projection
Effort = Literal["fast", "usual", "thorough"]


def method_of(method: str | Method, effort: Effort | None = None) -> Method:
    """Return the method that ``method`` names; raise :class:`InputError` for a name there is none of.

    ``effort``: of :class:`Auto`, in the place of its own.
    """
    if effort is not None and effort not in EFFORTS:
        raise InputError(f"effort is {effort!r}; give one of {', '.join(EFFORTS)}")
    if isinstance(method, Auto | Lbfgs | Projection):
        return replace(method, effort=effort) if effort is not None and isinstance(method, Auto) else method
    named: dict[str, Method] = {
        "auto": Auto(effort=effort or "usual"),
        "lbfgs": Lbfgs(),
        "lbfgs-norm": Lbfgs(penalty="norm"),
        "projection": Projection(),
    }
    if not isinstance(method, str) or method not in named:
        raise InputError(f"no method is called {method!r}; give one of {', '.join(METHODS)}, or a method object")
    return named[method]
