"""What a step between layers computes, where that is affine: enough to compute with it, where a constant only bounds.

Module :mod:`.arithmetic` says how far a step's value can move. A proof that follows the values has to know the step:
which of its input's values are picked, by what each is multiplied, what is added.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

_ADDING = frozenset(("add", "iadd", "sub", "subtract", "isub"))
_MULTIPLYING = frozenset(("mul", "multiply", "imul"))
_DIVIDING = frozenset(("div", "divide", "true_divide", "truediv", "itruediv"))


@dataclass(frozen=True)
class Part:
    """What becomes of one input: a multiple of each value, a selection of values, or their sums with weights >= 0."""

    factor: torch.Tensor | None = None
    """() or (1, ...) float64, by which the input is multiplied, value by value."""
    index: torch.Tensor | None = None
    """(values,) int64: which of the input's values each of the outcome's is, both flat."""
    call: Callable[[torch.Tensor], torch.Tensor] | None = None
    """Sums or means over axes, of a batch of any size."""


@dataclass(frozen=True)
class Affine:
    """A step as the sum of what its ``parts`` make of its inputs, in their order, and of a constant."""

    parts: tuple[Part, ...]
    constant: torch.Tensor
    """() or (1, ...) float64."""
    shape: tuple[int, ...]
    """Of the outcome, without the batch."""


def unchanged(shape: Sequence[int]) -> Affine:
    """Return the step that hands its input on, as of ``shape``."""
    return Affine((Part(factor=torch.ones((), dtype=torch.float64)),), _zero(), tuple(shape))


def picking(index: torch.Tensor, shape: Sequence[int]) -> Affine:
    """Return the step each of whose values is the one of its input that ``index`` (values,) says."""
    return Affine((Part(index=index),), _zero(), tuple(shape))


def combination(
    name: str,
    arguments: Sequence[Any],
    settings: dict[str, Any],
    depends: Sequence[bool],
    outcome: torch.Tensor,
    call: Callable[[torch.Tensor], torch.Tensor],
) -> Affine | None:
    """Return what a call of arithmetic does, or None where it is not affine or not known value by value.

    ``arguments``: as they came out for a batch, of which ``depends`` says those that depend on the input; ``call``: the
    call for other values of the one that does.
    """
    base, shape = name.removesuffix("_"), tuple(outcome.shape[1:])
    moving = [value for value, moves in zip(arguments, depends, strict=True) if moves]
    if settings.get("dtype") not in (None, torch.float64):
        return None  # which a proof in float64 would cast to
    if base in ("mean", "sum") and depends[0] and len(moving) == 1:
        return Affine((Part(call=call),), _zero(), shape)
    if any(value.shape != outcome.shape for value in moving):
        return None  # broadcasting copies the input
    if base in ("neg", "negative"):
        return Affine((Part(factor=-torch.ones((), dtype=torch.float64)),), _zero(), shape)
    if base in _ADDING and len(arguments) == 2:
        alpha = _constant(settings.get("alpha", 1), outcome)
        if alpha is None:
            return None
        scales = (torch.ones_like(alpha), -alpha if "sub" in base else alpha)
        parts, constant = [], _zero()
        for value, scale, moves in zip(arguments, scales, depends, strict=True):
            if moves:
                parts.append(Part(factor=scale))
                continue
            fixed = _constant(value, outcome)
            if fixed is None:
                return None
            constant = constant + scale * fixed
        return Affine(tuple(parts), constant, shape)
    if base in _MULTIPLYING | _DIVIDING and len(arguments) == 2 and len(moving) == 1:
        own = 0 if depends[0] else 1
        factor = _constant(arguments[1 - own], outcome)
        if factor is None or (base in _DIVIDING and own == 1) or settings.get("rounding_mode") is not None:
            return None
        return Affine((Part(factor=1 / factor if base in _DIVIDING else factor),), _zero(), shape)
    return None


def _constant(value: Any, outcome: torch.Tensor) -> torch.Tensor | None:
    """Return a constant as a tensor () or (1, ...) in float64; None where it differs between images of the batch."""
    if isinstance(value, int | float):
        return torch.tensor(value, dtype=torch.float64, device=outcome.device)
    if not isinstance(value, torch.Tensor):
        return None
    constant = value.detach().double()
    if constant.dim() == 0:
        return constant
    every = constant.expand(outcome.shape)
    return every[:1].clone() if bool((every == every[:1]).all()) else None


def _zero() -> torch.Tensor:
    return torch.zeros((), dtype=torch.float64)
