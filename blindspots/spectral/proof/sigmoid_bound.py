"""Lipschitz constants of whole sigmoid networks: the product of the layers', and less by taking the layers together.

The product (section 4.3 and slip "sigmoids") takes every layer at its worst, at once. But a sigmoid's change d of its
output for a change z of its input obeys ``d (z/4 - d) >= 0`` unit by unit, and the worst of one layer is not that of
the next. With positive multipliers, one for each unit (Fazlyab et al. 2019, "LipSDP-Neuron"), the largest quotient L
of the network's change and the image's obeys ``L^2 <= rho`` if for all changes x of the image and h_i of the layers'
outputs::

    rho |x|^2 - |W_K h_(K-1)|^2 - sum_i 2 h_i' Lambda_i (W_i h_(i-1) / 4 - h_i) >= 0,    h_0 = x.

The best multipliers solve a semidefinite program. Eliminating layer by layer leaves it without constraints, for the
scales D_i of the units and one number for each layer: with ``T_1 = W_1 W_1' / 16`` and ``U_i = 1 / Lambda_i``,

    U_i = D_i |D_i^-1/2 T_i D_i^-1/2| (1 + e^f) / 2,    T_(i+1) = W_(i+1) U_i (2 U_i - T_i)^-1 U_i W_(i+1)' / 16,

and ``16 T_K`` is what ``rho`` has to exceed. L-BFGS finds a minimum; whatever it finds is certified by a Cholesky
factorisation of the quadratic form above, so that the search can waste time but not soundness.
"""

import math
from functools import reduce

import torch

from blindspots.spectral.matrix.bound import times
from blindspots.spectral.matrix.norm import linear_norm
from blindspots.spectral.matrix.semidefinite import UNIT, rounding
from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork

_STEEPEST = 0.25
_ITERATIONS, _MORE_ITERATIONS = 150, 40
"""Of the first search, and of one that starts where another one ended."""
_LEAST = -18.0
"""Of f: less would make Cholesky factors singular."""
_SMOOTH = 16
"""The search takes this Schatten norm for the largest eigenvalue."""
_ROOM = 1e-9
"""The scaled quadratic form has to be this far from singular; farther where rounding may put it off by half of that."""
_ROUNDED_UP = 1 + 1e-12


def product_bound(network: SigmoidNetwork, lead: torch.Tensor) -> float:
    """Return the product of the layers' bounds of how far ``lead @ logits`` can move for a unit of the image.

    ``lead``: (c, k) weights of the logits; for all of them, an identity.
    """
    return times(hidden_bound(network), linear_norm(lead @ network.weights[-1]).upper) * _ROUNDED_UP


def hidden_bound(network: SigmoidNetwork) -> float:
    """Return the product of the hidden layers' bounds: how far what goes into the last layer can move."""
    norms = [linear_norm(weight).upper for weight in network.weights[:-1]]
    return times(reduce(times, norms, 1.0), _STEEPEST ** len(norms)) * _ROUNDED_UP


class JointBound:
    """Bounds of one network for different leads: each search starts where the one before ended."""

    def __init__(self, network: SigmoidNetwork) -> None:
        """Keep what the leads share."""
        self.network = network
        self._gram = network.weights[0] @ network.weights[0].T / 16
        sizes = [len(weight) for weight in network.weights[:-1]]
        self._sizes = [*sizes, len(sizes)]
        self._start = self._gram.new_zeros(sum(self._sizes))
        self._iterations = _ITERATIONS

    def of(self, lead: torch.Tensor) -> float:
        """Return the bound for ``lead`` (c, k)."""
        simple = product_bound(self.network, lead)
        if len(self.network.weights) == 1 or simple == 0 or math.isinf(simple):
            return simple
        last = lead @ self.network.weights[-1] / simple  # so that the product bound is 1
        try:
            found = self._search(last)
            with torch.no_grad():
                inverses, form = self._eliminated(found, last)
                square = float(torch.linalg.eigvalsh(form)[-1])
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined] # rounding made a matrix of it indefinite
            return simple
        size = lead.abs() @ self.network.weights[-1].abs() / simple
        for room in (1e-8, 1e-6, 1e-4):
            if self._holds(inverses, last, square * (1 + room), size=size):
                self._start, self._iterations = found, _MORE_ITERATIONS
                return min(simple, math.sqrt(square * (1 + room)) * simple * _ROUNDED_UP)
        return simple

    def _search(self, last: torch.Tensor) -> torch.Tensor:
        scales = self._start.clone().requires_grad_(True)
        search = torch.optim.LBFGS(
            [scales], max_iter=self._iterations, tolerance_change=1e-7, history_size=20, line_search_fn="strong_wolfe"
        )

        def loss() -> torch.Tensor:
            search.zero_grad()
            _, form = self._eliminated(scales, last)
            scale = form.detach().diagonal().sum()
            value: torch.Tensor = (
                scale.log() + torch.linalg.matrix_power(form / scale, _SMOOTH).diagonal().sum().log() / _SMOOTH
            )
            value.backward()
            return value

        with torch.enable_grad():
            search.step(loss)
        return scales.detach()

    def _eliminated(self, scales: torch.Tensor, last: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return each layer's U (units,), and the matrix (c, c) whose largest eigenvalue is the square of the bound."""
        *units, factors = scales.split(self._sizes)
        form, inverses = self._gram, []
        for place, unit in enumerate(units):
            # form is T_i, and inverse U_i = D_i |D_i^-1/2 T_i D_i^-1/2| (1 + e^f) / 2 with D_i = e^unit: 2 U_i > T_i
            root = (unit / 2).exp()
            largest = torch.linalg.eigvalsh(form / (root[:, None] * root))[-1]
            inverse = root.square() * largest * (1 + factors[place].clamp_min(_LEAST).exp()) / 2
            inverses.append(inverse)
            # T_(i+1) = W U (2 U - T)^-1 U W' / 16, by the factor C of 2 U - T = C C' as the square of C^-1 U W' / 4
            factor = torch.linalg.cholesky(2 * torch.diag(inverse) - form)
            after = self.network.weights[place + 1] / 4 if place + 1 < len(units) else last
            half = torch.linalg.solve_triangular(factor, inverse[:, None] * after.T, upper=False)
            form = half.T @ half
        return inverses, form

    def _holds(self, inverses: list[torch.Tensor], last: torch.Tensor, square: float, *, size: torch.Tensor) -> bool:
        """Return whether the quadratic form of the layers' outputs is positive, the image eliminated, for this rho.

        Scaled to a unit diagonal. There each entry is off by no more than a number of units, the longest sum's terms
        and a few, of the absolute terms that it is made of, which ``terms`` adds up: in the spectral norm by no more
        than the Frobenius norm of that; and a factorisation that runs through is off by :func:`.rounding`.
        ``size``: the absolute terms of ``last`` (c, units).
        """
        # Lambda_i = rho / U_i; with the image eliminated, x = W_1' Lambda_1 h_1 / (4 rho), what is left is block
        # tridiagonal in the h_i: 2 Lambda_i on the diagonal, -Lambda_i W_i / 4 beside it
        multipliers = [square / inverse for inverse in inverses]
        sizes = self._sizes[:-1]
        whole = self._gram.new_zeros(sum(sizes), sum(sizes))
        terms = torch.zeros_like(whole)
        first = self.network.weights[0].abs()
        longest = max(first.shape[1], len(last) + 2 * self.network.weights[-1].shape[0]) + 32
        starts = [sum(sizes[:place]) for place in range(len(sizes))]
        for place, (at, count, multiplier) in enumerate(zip(starts, sizes, multipliers, strict=True)):
            whole[at : at + count, at : at + count] += 2 * torch.diag(multiplier)
            if place == 0:
                whole[:count, :count] -= multiplier[:, None] * self._gram * multiplier / square
                terms[:count, :count] += multiplier[:, None] * (first @ first.T / 16) * multiplier / square
            else:
                before = starts[place - 1]
                whole[at : at + count, before:at] -= multiplier[:, None] * self.network.weights[place] / 4
        whole[starts[-1] :, starts[-1] :] -= last.T @ last
        terms[starts[-1] :, starts[-1] :] += size.T @ size
        terms = torch.maximum(terms, whole.abs()) + 2 * torch.diag(torch.cat(multipliers))
        whole = whole.tril() + whole.tril(-1).T
        diagonal = whole.diagonal()
        if not (diagonal > 0).all():
            return False
        root = diagonal.sqrt()[:, None] * diagonal.sqrt()
        wrong = longest * UNIT * float((terms / root).tril().norm()) * math.sqrt(2)
        room = max(_ROOM, 2 * (wrong + rounding(len(whole))))
        scaled = whole / root - room * torch.eye(len(whole)).to(whole)
        return int(torch.linalg.cholesky_ex(scaled)[1]) == 0
