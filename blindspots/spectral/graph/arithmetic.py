"""What a model does between its layers: sums, concatenations, factors, selections, as steps that a bound runs through.

Every function here is given the values as they came out for one batch and returns how far the outcome can move, or None
for what it doesn't know. All of them are linear in what depends on the input, but for the larger of two values, or have
slopes of at most 1; a factor is the norm of the linear map. Of these maps it is known in closed form:

- a copy of each value c times: sqrt(c); broadcasting makes as many copies of each value as the outcome is larger, in
  every function of several tensors: the bounds of a clamp copy its input, too
- multiplication value by value with constants m: the largest ``|m|``, of a number of Python's the larger of itself, in
  float64, and of what the outcome's dtype makes of it
- a cast to a dtype that holds every value of the one before: 1. Any other jumps, and has no constant at all
- the sum of n values: sqrt(n), by Cauchy and Schwarz; their mean: 1 / sqrt(n)
- the largest of several values: no more than the norm of their change, as of all of them side by side
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from blindspots.spectral.graph.affine import Affine
from blindspots.spectral.matrix.bound import NoRuleError, times

_ROUNDED_UP = 1 + 1e-12
_SELECTING = """
    view reshape flatten unflatten permute transpose swapaxes swapdims movedim moveaxis t T mT data squeeze unsqueeze
    contiguous clone detach expand expand_as ravel broadcast_to repeat tile repeat_interleave chunk split tensor_split
    hsplit vsplit dsplit unbind narrow select index_select getitem flip roll rot90 unfold view_as reshape_as positive
    pixel_shuffle pixel_unshuffle channel_shuffle diagonal
"""
SELECTIONS = frozenset(_SELECTING.split())
"""Functions each value of whose results is one of the input's."""
JOINING = frozenset(("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"))
REDUCING = frozenset(("mean", "sum", "amax", "amin"))
_ADDING = frozenset(("add", "iadd", "sub", "subtract", "isub"))
_SCALING = frozenset(("mul", "multiply", "imul", "div", "divide", "true_divide", "truediv", "itruediv"))
CASTS = frozenset(("float", "double", "half", "bfloat16", "to", "type", "cpu", "cuda", "requires_grad_", "type_as"))
"""Functions that leave values as they are, where the dtype that they cast to holds them all: :func:`check_cast`."""
_SLOPE_ONE = frozenset(
    ("abs", "absolute", "neg", "negative", "clamp", "clip", "clamp_min", "clamp_max", "sin", "cos", "atan")
)
"""Elementwise functions that spread no two numbers apart."""
_DRAWING = """
    rand randn randint randperm rand_like randn_like randint_like bernoulli normal multinomial poisson
"""
_RANDOM = frozenset(_DRAWING.split())


@dataclass(frozen=True)
class Step:
    """One value of a forward pass: how far it can move, in terms of earlier steps."""

    rule: Literal["input", "constant", "layer", "sum", "join"]
    inputs: tuple[int, ...] = ()
    """Earlier steps."""
    factors: tuple[float, ...] = ()
    """Of each of them."""
    layer: int = -1
    """Which layer, for the rule "layer"."""
    same: bool = False
    """Whether it is the value of its one input, in the same order, in whatever shape."""
    fold: int = -1
    """For a batch norm that folds: the step that goes into the layer that it reads."""
    affine: Affine | None = field(default=None, compare=False, repr=False)
    """What it computes, for a sum of which that is known value by value."""

    def running(self, before: Sequence[float], layers: Sequence[float], folded: Sequence[float]) -> float:
        """Return the Lipschitz constant with respect to the network's input, from those of the steps before.

        A sum's is the sum of its inputs' constants, that of values side by side the root of the sum of their squares.
        Infinity times 0 is 0: a constant stays one. Of a batch norm that folds, the lesser of the two ways. Rounded up.
        """
        if self.rule in ("input", "constant"):
            return float(self.rule == "input")
        if self.rule == "layer":
            apart = times(max(before[at] for at in self.inputs), layers[self.layer])
            together = math.inf if self.fold < 0 else times(before[self.fold], folded[self.layer])
            return min(apart, together) * _ROUNDED_UP
        parts = [times(before[at], factor) for at, factor in zip(self.inputs, self.factors, strict=True)]
        return (sum(parts) if self.rule == "sum" else math.hypot(*parts)) * _ROUNDED_UP


def arithmetic(
    name: str, arguments: tuple[Any, ...], settings: dict[str, Any], depends: Sequence[bool], outcome: Any
) -> tuple[Literal["sum", "join"], tuple[tuple[int, float], ...]] | None:
    """Return how a call combines those of its arguments that depend on the input: (which argument, its factor) of each.

    ``depends``: which of the arguments do; values are of a batch. None for a call that is not known. Raises NoRuleError
    for one that no constant bounds.
    """
    base = name.removesuffix("_")
    if base in _ADDING and len(arguments) == 2:
        scale = _largest(settings.get("alpha", 1), outcome)
        # |a + alpha b| <= |a| + |alpha| |b|, each of them copied to the outcome's shape first
        factors = (times(_copies(arguments[at], outcome), scale if at else 1.0) for at in (0, 1))
        return "sum", tuple((at, factor) for at, factor in enumerate(factors) if depends[at])
    if base in ("maximum", "minimum"):  # |max(a, b) - max(a', b')| <= max(|a - a'|, |b - b'|), value by value
        return "join", tuple((at, _copies(arguments[at], outcome)) for at in (0, 1) if depends[at])
    if base in _SCALING and len(arguments) == 2:
        return _product(base, arguments, depends, outcome, settings)
    if base in JOINING:
        return "join", tuple((at, 1.0) for at, joined in enumerate(depends) if joined)
    if any(depends[1:]):
        return None
    if base in ("mean", "sum") and isinstance(outcome, torch.Tensor):
        count = arguments[0].numel() / outcome.numel()  # n values go into each of the outcome's
        return "sum", ((0, count ** (0.5 if base == "sum" else -0.5)),)
    if base in ("amax", "amin"):
        return "sum", ((0, 1.0),)
    if base in _SLOPE_ONE or name in CASTS:  # the bounds of a clamp can be tensors, to whose shape it copies its input
        return "sum", ((0, _copies(arguments[0], outcome)),)
    return None


def check_cast(before: torch.dtype, after: torch.dtype) -> None:
    """Raise NoRuleError unless a value of the dtype ``after`` stands for every one of ``before``: no cast rounds."""
    if before == after or not (before.is_floating_point and after.is_floating_point):
        return  # what is no floating-point number is refused as such
    fine, coarse = torch.finfo(before), torch.finfo(after)
    if coarse.eps > fine.eps or coarse.max < fine.max or coarse.tiny > fine.tiny:
        raise NoRuleError(f"a cast from {before} to {after}, which holds fewer values, jumps: no constant bounds it")


def is_random(name: str) -> bool:
    """Return whether the function draws numbers, so that a model that calls it is no function."""
    return name.removesuffix("_") in _RANDOM


def numbered(values: torch.Tensor) -> torch.Tensor:
    """Return a tensor of the shape of ``values`` whose values are all different: 0, 1, ... in float64."""
    return torch.arange(values.numel(), dtype=torch.float64, device=values.device).reshape(values.shape)


def copies(selected: torch.Tensor | Sequence[torch.Tensor], images: int, each: int) -> float:
    """Return the root of how often a value is selected at most, from what became of :func:`numbered` ones.

    ``images``: rows of the batch, of ``each`` values. Raises NoRuleError where one gets into another's row.
    """
    parts = [selected] if isinstance(selected, torch.Tensor) else list(selected)
    # value v of image i was numbered i * each + v: the quotient is the image that a value comes from
    check_rows([part.div(each, rounding_mode="floor") for part in parts], images)
    return math.sqrt(int(torch.cat([part.flatten() for part in parts]).long().bincount().max()))


def check_rows(parts: Sequence[torch.Tensor], images: int) -> None:
    """Raise NoRuleError unless row i of every part holds nothing but i: what an operation made of its inputs' rows."""
    for part in parts:
        shape = (images, *[1] * (part.dim() - 1))
        if part.dim() == 0 or len(part) != images or not (part == torch.arange(images).reshape(shape).to(part)).all():
            raise NoRuleError("moves values of one image of a batch to another's: nothing is known of a single one")


def _product(
    base: str, arguments: tuple[Any, ...], depends: Sequence[bool], outcome: Any, settings: dict[str, Any]
) -> tuple[Literal["sum"], tuple[tuple[int, float], ...]]:
    if all(depends[:2]):
        raise NoRuleError("the product or quotient of two values that depend on the input: no constant bounds it")
    own = 0 if depends[0] else 1
    if "div" in base and (own == 1 or settings.get("rounding_mode") is not None):
        raise NoRuleError("a division by what depends on the input, or with rounding: no constant bounds it")
    factor = _largest(arguments[1 - own], outcome, inverse="div" in base)
    return "sum", ((own, times(factor, _copies(arguments[own], outcome))),)


def _largest(constants: Any, outcome: torch.Tensor, *, inverse: bool = False) -> float:
    """Return the largest absolute value, or that of the reciprocals, of what ``outcome`` was multiplied by.

    Of a Python number that is float64, as in a model of float64; one of another dtype rounds it first, up or down, to
    what may be 0 or infinite there. So either counts, and the larger.
    """
    if isinstance(constants, torch.Tensor):
        exact = constants.detach().double()
    else:
        exact = torch.tensor(constants, dtype=torch.float64)
    both = torch.stack([exact, exact.to(outcome.dtype).double()]).abs()
    factor = float((both.reciprocal() if inverse else both).max())
    if not math.isfinite(factor) or (inverse and 0 < factor < sys.float_info.min):
        raise NoRuleError("a factor that is not finite, or whose inverse is not")
    return factor


def _copies(value: Any, outcome: Any) -> float:
    """Return the root of how many copies broadcasting makes of each value."""
    return math.sqrt(outcome.numel() / value.numel()) if isinstance(value, torch.Tensor) and value.numel() else 1.0
