"""A convolution's spectrum, squared, by way of its autocorrelation: the smaller side's matrix at every frequency."""

import itertools
import math
from dataclasses import dataclass

import torch

from blindspots.device import rows_at_once
from blindspots.spectral.matrix.semidefinite import UNIT

_ARRAYS = 32
"""Of real values: complex matrices, their factors and what a factorisation works in."""


@dataclass(frozen=True)
class LagKernel:
    """The trigonometric polynomial ``G(f) = sum over lags l of R_l e^{2 pi i l.f}``, Hermitian and at least zero.

    At a frequency f of the coarse grid, in turns, G(f) is ``A(f) A(f)'`` or ``A(f)' A(f)``, whichever is smaller, for
    the paper's A in equation (1), divided by the root of the stride in each axis. Its largest eigenvalue is
    the squared norm at f. As ``R_{-l} = R_l'``, half of the lags are enough, kept as ``R_l + R_l'`` and ``R_l - R_l'``.
    """

    lags: torch.Tensor
    """(lags, axes) integers, float64; the first is zero, and no two are each other's negatives."""
    even: torch.Tensor
    """(lags, groups, side, side) float64: ``R_0``, then ``R_l + R_l'``."""
    odd: torch.Tensor
    """(lags, groups, side, side) float64: 0, then ``R_l - R_l'``."""
    degree: tuple[int, ...]
    """The largest lag of each axis."""
    error: float
    """How far a computed G(f) can lie from the true one, in the spectral norm."""

    @property
    def groups(self) -> int:
        """Return the number of groups."""
        return self.even.shape[1]

    @property
    def side(self) -> int:
        """Return the number of rows of G(f)."""
        return self.even.shape[-1]

    @property
    def at_once(self) -> int:
        """Return at how many frequencies G is worked on together."""
        return rows_at_once(self.groups * self.side**2, arrays=_ARRAYS)

    def spectrum(self, frequencies: torch.Tensor, groups: slice | list[int] = slice(None)) -> torch.Tensor:
        """Return G (frequencies, groups, side, side), complex128, at ``frequencies`` (frequencies, axes) in turns.

        Turns lie in [-1, 1], or ``error`` doesn't hold.
        """
        # G(f) = R_0 + sum over half of the lags of R_l e^{ia} + R_l' e^{-ia}
        #      = R_0 + sum of (R_l + R_l') cos a + i (R_l - R_l') sin a,    a = 2 pi l.f
        angles = 2 * math.pi * (frequencies @ self.lags.T)
        even, odd = self.even[:, groups], self.odd[:, groups]
        real = (torch.cos(angles) @ even.flatten(1)).view(-1, *even.shape[1:])
        imaginary = (torch.sin(angles) @ odd.flatten(1)).view(-1, *odd.shape[1:])
        return torch.complex(real, imaginary)

    def restricted(self, basis: torch.Tensor) -> "LagKernel":
        """Return the polynomial ``V' G V`` for V = ``basis`` (groups, side, columns): eigenvalues from below."""
        even = basis.mT @ self.even @ basis
        odd = basis.mT @ self.odd @ basis
        return LagKernel(self.lags, even, odd, self.degree, self.error)


@dataclass(frozen=True)
class Polyphase:
    """A strided convolution as one without stride on the coarse grid: each phase of the input is its own channel."""

    taps: torch.Tensor
    """(taps, axes): the places of the taps on the coarse grid, int64."""
    matrices: torch.Tensor
    """(taps, groups, out, in * phases) float64: each tap's matrix; taps that are zero are left out."""

    @property
    def size(self) -> float:
        """Return the sum of the taps' Frobenius norms, which bounds the norm of the kernel's absolute values."""
        return float(self.matrices.flatten(2).norm(dim=2).sum(0).max()) if len(self.taps) else 0.0


def polyphase(weight: torch.Tensor, stride: tuple[int, ...], dilation: tuple[int, ...], groups: int) -> Polyphase:
    """Return the taps of ``weight`` (out, in / groups, \\*kernel) on the coarse grid.

    Tap t reads the input at ``dilation * t``, which is phase ``dilation * t mod stride`` of the coarse grid's point
    ``dilation * t // stride``.
    """
    kernel = weight.double().unflatten(0, (groups, -1))  # (groups, out, in, *kernel)
    kernel = kernel.flatten(3).permute(3, 0, 1, 2)
    used = kernel.flatten(1).abs().amax(1).gt(0).tolist()
    places: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}
    for index, tap in enumerate(itertools.product(*(range(size) for size in weight.shape[2:]))):
        if used[index]:
            reads = [d * t for d, t in zip(dilation, tap, strict=True)]
            place = tuple(r // s for r, s in zip(reads, stride, strict=True))
            places.setdefault(place, []).append((index, tuple(r % s for r, s in zip(reads, stride, strict=True))))
    phases = sorted({phase for of_place in places.values() for _, phase in of_place})
    matrices = kernel.new_zeros(len(places), *kernel.shape[1:3], len(phases), kernel.shape[3])
    for row, of_place in enumerate(places.values()):
        for index, phase in of_place:
            matrices[row, :, :, phases.index(phase)] = kernel[index]
    taps = torch.tensor(list(places), dtype=torch.int64).reshape(-1, weight.dim() - 2)
    return Polyphase(taps, matrices.flatten(3))


def lag_kernel(kernel: Polyphase) -> LagKernel:
    """Return the autocorrelation ``R_l = sum over taps u of E_u E_{u+l}'``, or of the transposes where that's smaller.

    The error: an inner product of K terms, summed in any order, is wrong by at most K u / (1 - K u) of its absolute
    terms, and K is at most the number of terms of one tap times the taps. An angle of at most 2 pi |l| is wrong by no
    more than ``16 pi u (1 + |l|)``, and so are its cosine and sine; the sum over the lags, and the sums and differences
    of R and R', add two units of rounding a lag. All absolute terms together have a norm of at most the square of the
    sum of the taps' Frobenius norms. The bound taken is at least twice the sum of these.
    """
    # A(f) = sum over taps u of E_u e^{-2 pi i u.f}, so that A A' = sum over u, v of E_u E_v' e^{2 pi i (v - u).f}
    matrices = kernel.matrices
    if matrices.shape[2] > matrices.shape[3]:  # A' A has the same largest eigenvalue, and fewer rows
        matrices = matrices.mT
    side, terms = matrices.shape[2:]
    taps = [tuple(tap) for tap in kernel.taps.tolist()]
    place = {tap: index for index, tap in enumerate(taps)}
    zero = (0,) * kernel.taps.shape[1]
    found = {tuple(a - b for a, b in zip(one, other, strict=True)) for one in taps for other in taps}
    lags = [zero, *sorted(lag for lag in found if lag > zero)]
    even = matrices.new_zeros(len(lags), matrices.shape[1], side, side)
    odd = torch.zeros_like(even)
    for row, lag in enumerate(lags):
        pairs = [
            (index, place.get(tuple(a + b for a, b in zip(tap, lag, strict=True)))) for tap, index in place.items()
        ]
        met = [(one, other) for one, other in pairs if other is not None]
        left, right = (matrices[list(each)].movedim(0, 2).flatten(2) for each in zip(*met, strict=True))
        product = left @ right.mT  # (groups, side, side), summed over taps and terms at once
        even[row] = product if lag == zero else product + product.mT
        odd[row] = 0 if lag == zero else product - product.mT
    degree = tuple(max(lag[axis] for lag in found) for axis in range(len(zero)))
    size = kernel.size
    units = terms * len(taps) + 4 * len(lags) + 64 * (1 + sum(degree))
    return LagKernel(
        torch.tensor(lags, dtype=torch.float64, device=matrices.device), even, odd, degree, 4 * units * UNIT * size**2
    )
