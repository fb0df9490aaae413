"""Where a convolution's spectrum is highest: estimates that guide the bounds, which don't rest on them."""

import itertools
import math
from dataclasses import dataclass

import torch

from blindspots.spectral.convolution.lag_kernel import LagKernel

_COLUMNS = 16
_STEPS = 12
_POLISH = 24


@dataclass(frozen=True)
class Peak:
    """A frequency where the largest eigenvalue is about the largest of all, and a small model of the spectrum."""

    frequency: torch.Tensor
    """(axes,) in turns."""
    group: int
    value: float
    """The largest eigenvalue there."""
    vector: torch.Tensor
    """(side,) complex128: its eigenvector."""
    group_values: torch.Tensor
    """(groups,): about the largest eigenvalue of each group over all frequencies."""
    model: LagKernel
    """The spectrum restricted to few directions, which are good near its peaks: eigenvalues from below everywhere."""


def spectral_peak(lags: LagKernel) -> Peak:
    """Return the highest peak found by a survey of a coarse grid, refined in the survey's top eigenvectors."""
    surveyed = half_grid([2 * (2 * degree + 1) if degree else 1 for degree in lags.degree], lags.lags)
    estimates, vectors = _survey(lags, surveyed)
    best, where = estimates.max(0)  # over frequencies, for every group
    group = int(best.argmax())
    frequency = surveyed[where[group]]
    basis = _basis(lags, estimates, vectors)
    width = [1 / (2 * (2 * degree + 1)) if degree else 0.0 for degree in lags.degree]
    for _ in range(2):
        model = lags if basis is None else lags.restricted(basis)
        frequency = _climb(model, group, frequency, width)
        value, vector = _top(lags, model, basis, frequency, group)
        if basis is None:
            break
        more = torch.stack([vector.real, vector.imag], 1).expand(lags.groups, -1, -1)
        basis = torch.linalg.qr(torch.cat([basis, more], 2)[..., : lags.side]).Q
        width = [each / 16 for each in width]
    model = lags if basis is None else lags.restricted(basis)
    best[group] = value
    return Peak(frequency, group, value, vector, best, model)


def half_grid(points: list[int], like: torch.Tensor, shifts: tuple[float, ...] | None = None) -> torch.Tensor:
    """Return the frequencies ``(j + shift) / points``, in turns, without most of the negatives of others.

    A shift is 0 or 1/2: the grid then holds every frequency's negative, where a real kernel has the same eigenvalues.
    """
    axes = []
    for index, count in enumerate(points):
        places = torch.arange(count, dtype=torch.float64, device=like.device) + (shifts[index] if shifts else 0.0)
        axes.append(places / count)
    axes[0] = axes[0][axes[0] <= 0.5]
    return torch.cartesian_prod(*axes).reshape(-1, len(points))


def largest(lags: LagKernel, frequencies: torch.Tensor) -> torch.Tensor:
    """Return the largest eigenvalues (frequencies, groups) of a spectrum with few rows."""
    each = lags.at_once
    parts = []
    for chunk in frequencies.split(each):
        matrices = lags.spectrum(chunk)
        parts.append(matrices[..., 0, 0].real if lags.side == 1 else torch.linalg.eigvalsh(matrices)[..., -1])
    return torch.cat(parts)


def _survey(lags: LagKernel, frequencies: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return estimates (frequencies, groups) by the power method, and their vectors, in complex64."""
    if lags.side <= _COLUMNS:
        return largest(lags, frequencies), torch.empty(0)
    random = torch.Generator().manual_seed(0)
    first = torch.randn(lags.side, 1, dtype=torch.complex64, generator=random).to(lags.even.device)
    each = lags.at_once
    estimates, vectors = [], []
    for chunk in frequencies.split(each):
        matrices = lags.spectrum(chunk).to(torch.complex64)
        vector = first
        for _ in range(_STEPS):
            image = matrices @ vector
            size = image.norm(dim=-2, keepdim=True)
            vector = image / size.clamp_min(torch.finfo(torch.float32).tiny)
        estimates.append((vector.conj() * (matrices @ vector)).sum((-2, -1)).real)
        vectors.append(vector[..., 0])
    return torch.cat(estimates).double(), torch.cat(vectors)


def _basis(lags: LagKernel, estimates: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor | None:
    """Return an orthonormal real basis (groups, side, columns) from the vectors of the highest estimates."""
    if lags.side <= _COLUMNS:
        return None
    top = estimates.topk(min(_COLUMNS // 2, len(estimates)), dim=0).indices  # (few, groups)
    chosen = vectors.gather(0, top[..., None].expand(-1, -1, lags.side)).permute(1, 2, 0)
    parts = torch.cat([chosen.real, chosen.imag], 2).double()
    # where vectors agree the factorisation adds arbitrary directions, which do no harm
    basis: torch.Tensor = torch.linalg.qr(parts).Q
    return basis


def _top(
    lags: LagKernel, model: LagKernel, basis: torch.Tensor | None, frequency: torch.Tensor, group: int
) -> tuple[float, torch.Tensor]:
    """Return the largest eigenvalue at one frequency and its vector, from the model's by the power method."""
    vectors = torch.linalg.eigh(model.spectrum(frequency[None], [group])[0, 0]).eigenvectors
    vector = vectors[:, -1]
    matrix = lags.spectrum(frequency[None], [group])[0, 0]
    if basis is not None:
        vector = basis[group].to(vector.dtype) @ vector
        for _ in range(_POLISH):
            vector = matrix @ vector
            vector = vector / vector.norm().clamp_min(torch.finfo(torch.float64).tiny)
    return float((vector.conj() @ (matrix @ vector)).real), vector


def _climb(model: LagKernel, group: int, frequency: torch.Tensor, width: list[float]) -> torch.Tensor:
    """Return a local maximum of one group's model, by ever finer grids around the best so far."""
    alone = LagKernel(model.lags, model.even[:, [group]], model.odd[:, [group]], model.degree, model.error)
    steps = torch.tensor(width, dtype=torch.float64, device=frequency.device)
    around = torch.tensor(
        list(itertools.product(*((-1.0, -0.5, 0.0, 0.5, 1.0) if each else (0.0,) for each in width))),
        dtype=torch.float64,
        device=frequency.device,
    )
    for _ in range(8):
        tried = frequency + around * steps
        values = largest(alone, tried)[:, 0]
        best, middle = int(values.argmax()), len(tried) // 2
        if values[best] > values[middle] * (1 + 1e-12):  # or a constant spectrum would have it wander
            frequency = tried[best]
        else:
            steps = steps / 2
        if float(steps.max()) * math.tau < 1e-6:
            break
    return frequency
