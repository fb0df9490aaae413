"""Lipschitz constants of normalisation by the neighbours' squares: the paper's, and Krizhevsky's (slip "contrast
normalisation")."""

import math
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.networks.contrast_normalisation import ContrastNormalisation
from blindspots.spectral.matrix.bound import Bound, NoRuleError
from blindspots.spectral.rules.closed_form import rounded
from blindspots.spectral.rules.layer_inputs import finite_number

_AT_ZERO = "Jacobian at 0"
_GRID = 1 << 14


def _contrast(layer: ContrastNormalisation, input_shape: tuple[int, ...]) -> Bound:
    """Return ``eps^-gamma``, the Jacobian's norm at 0, for every gamma >= 0 (the paper: for gamma in [0.5, 1]).

    With t = |x|^2 / eps the Jacobian's eigenvalues are ``eps^-gamma`` times ``(1 + t)^-gamma``, and along x
    ``(1 + t - 2 gamma t) (1 + t)^-(gamma + 1)``, which is at most 1, and at least -1: for gamma < 2 because
    ``(2 gamma - 1) t - 1 <= (gamma + 1) t <= (1 + t)^(gamma + 1)``; for gamma >= 1 because, by the binomial series'
    first three terms, ``(1 + t)^(gamma + 1) >= 1 + (gamma + 1) t + gamma (gamma + 1) t^2 / 2``, and
    ``2 + gamma (gamma + 1) t^2 / 2 >= 2 gamma t``.
    """
    if layer.groups is not None and input_shape[0] % layer.groups:
        raise InputError(
            f"ContrastNormalisation takes no input of shape {input_shape}: channels by the multiple of {layer.groups}"
        )
    eps, gamma = finite_number(layer, "eps", layer.eps), finite_number(layer, "gamma", layer.gamma)
    if not (eps > 0 and gamma >= 0):
        raise NoRuleError(f"ContrastNormalisation with eps {eps} and gamma {gamma}: no Lipschitz constant bounds it")
    return _inverse_power(layer, eps, gamma)


def _inverse_power(layer: nn.Module, base: float, exponent: float) -> Bound:
    """Return bounds of ``base^-exponent``, which is never 0; raises NoRuleError where no float64 is as large."""
    try:
        value = math.pow(base, -exponent)
    except OverflowError:
        raise NoRuleError(f"{type(layer).__name__}: {base}^-{exponent} exceeds the largest float64") from None
    return rounded(value, _AT_ZERO) if value >= sys.float_info.min else Bound(0.0, sys.float_info.min, _AT_ZERO)


def _response(layer: nn.LocalResponseNorm, input_shape: tuple[int, ...]) -> Bound:
    """Return bounds of ``x_i / (k + a sum over the channels j near i of x_j^2)^beta`` with a = alpha / size, as torch.

    From below ``k^-beta``, the Jacobian's norm at 0. From above the same where each channel's neighbours are itself
    alone or all channels (:func:`_contrast`); otherwise that times :func:`neighbours_factor`, or the slip "contrast
    normalisation"'s ``k^-beta (1 + 2 beta sqrt(size))`` where it is less.
    """
    if len(input_shape) < 2:
        raise InputError(f"LocalResponseNorm takes no input of shape {input_shape}: channels and a size are wanted")
    numbers = {name: finite_number(layer, name, getattr(layer, name)) for name in ("alpha", "beta", "k")}
    alpha, beta, k = numbers["alpha"], numbers["beta"], numbers["k"]
    if layer.size < 1:
        raise InputError(f"LocalResponseNorm: size {layer.size}, and 1 or more is wanted")
    if alpha < 0 or beta < 0 or k <= 0:
        raise NoRuleError(
            f"LocalResponseNorm with {numbers}: no Lipschitz constant bounds it unless k > 0 and the others >= 0"
        )
    at_zero = _inverse_power(layer, k, beta)
    before, behind = layer.size // 2, (layer.size - 1) // 2
    alone = before == 0 or input_shape[0] == 1
    everywhere = min(before, behind) >= input_shape[0] - 1
    if alpha == 0 or beta == 0 or alone or everywhere:
        return at_zero
    factor = min(neighbours_factor(beta, symmetric=before == behind), 1 + 2 * beta * math.sqrt(layer.size))
    return Bound(at_zero.lower, rounded(at_zero.upper * factor, "").upper, "Schur's test on the Jacobian")


def neighbours_factor(beta: float, *, symmetric: bool) -> float:
    """Return what ``k^-beta`` times bounds a response normalisation of any size and of any alpha >= 0.

    It is 1.20 for Krizhevsky's beta of 0.75 and below 1.38 for any, where channels have as many neighbours before as
    behind them (``symmetric``, an odd size); otherwise they have one more before. Proof. Let u_i = |x_i| sqrt(a / k),
    s_i the sum of u_j^2 over the neighbours j of i, i among them, and d_i = 1 + s_i. The Jacobian over k^-beta has
    entries no larger than ``J_ij = d_i^-beta ((i = j) + 2 beta u_i u_j / d_i)``, the second term for neighbours alone.
    Schur's test with the weights u_j for columns and ``u_i d_i^-beta (1 + 2 beta s_i / d_i)`` for rows (all u > 0; the
    rest by continuity): row sums are 1, and column j's, with p = 2 beta and w = s / (1 + s), is

        h(s_j) + sum of u_i^2 g(s_i) over all i with j for a neighbour,
        h(s) = (1 - w)^p (1 + p w),   g(s) = p (1 - w) h(s),   both falling as s grows.

    Those i before j are all neighbours of each other and of j, so that their s_i is at least A = l + c, with l the sum
    of their u^2 and c = u_j^2: they add up to at most l g(A), and those behind j to at most r g(B), B = r + c.

    Where windows are symmetric, s_j = A + B - c, and the sum is at most ``h(s_j) + c g(s_j) + l g(A) + r g(B)``. As
    c g(s_j) <= c (g(A) + g(B)) / 2, and -h' = g - p (1 - w)^(p + 2) <= g, the most that it can be for given A and B is
    at c = 0: ``h(A + B) + f(A) + f(B)``, with ``f(s) = s g(s) = p w h(s)``. There,
    f' = p (1 - w)^(p + 1) (1 + (p - 1) w - p (p + 2) w^2), so that f rises to a peak and then falls. Up to the peak f'
    falls: its derivative by w has the sign of -2 - (3 p - 1) (p + 2) w + p (p + 2) (p + 3) w^2, which is convex, -2 at
    0 and (p + 1) (1 - (2 p + 1) w) < 0 at the peak. Where the sum is largest f'(A) = f'(B) = -h'(A + B) > 0 (at A = 0
    it still rises, by f'(0) = p = g(0)), so that both lie before the peak, and A = B. What is left, h(2 A) + 2 f(A),
    is at most the largest over the intervals of a fine grid of h at their lower and f at their upper ends.

    Otherwise, A being the side of fewer neighbours, s_j >= A, and the sum is at most h(A) + f(A) and f at its peak.
    """
    power = 2 * beta
    peak = 2 / (math.sqrt((5 * power + 1) * (power + 1)) - (power - 1))
    grid = torch.linspace(0, peak, _GRID, dtype=torch.float64)
    rising = power * grid * _falling(grid, power)
    if symmetric:
        column = float((_falling(2 * grid / (1 + grid), power)[:-1] + 2 * rising[1:]).max())
    else:
        column = float((_falling(grid, power)[:-1] + rising[1:]).max() + rising[-1])
    return math.sqrt(column) * (1 + (16 + 4 * power) * torch.finfo(torch.float64).eps)


def _falling(share: torch.Tensor, power: float) -> torch.Tensor:
    """Return h at s = w / (1 - w), from the ``share`` w."""
    return (1 - share) ** power * (1 + power * share)


RESPONSE_NORMALISATION: dict[type[nn.Module], Callable[[Any, tuple[int, ...]], Bound]] = {
    ContrastNormalisation: _contrast,
    nn.LocalResponseNorm: _response,
}
"""What each kind of layer's rule is."""
