"""A lower bound of a convolution's norm: an input that the layer stretches so much, by Lanczos' method on the layer."""

import math
from dataclasses import dataclass

import torch

from blindspots.device import BUDGET
from blindspots.spectral.convolution.geometry import taps
from blindspots.spectral.convolution.lag_kernel import Polyphase
from blindspots.spectral.convolution.operator import ConvOperator
from blindspots.spectral.convolution.peak import Peak
from blindspots.spectral.matrix.lanczos import top_eigenpair
from blindspots.spectral.matrix.semidefinite import UNIT
from blindspots.spectral.matrix.values import plain_arithmetic

_NOISE = {torch.float32: 1e-3, torch.float64: 0.03}
_BASIS_BYTES = 4 * 8 * BUDGET
"""What Lanczos' basis may take: it is kept while work goes on, four times as much as one piece of work in float64."""


@dataclass(frozen=True)
class Reached:
    """How much an explicit input is stretched, rounded down, and the residual of the singular pair, relative."""

    lower: float
    residual: float


def lower_bound(
    operator: ConvOperator, kernel: Polyphase, peak: Peak, *, extension: float, upper: float, tolerance: float
) -> Reached:
    """Return a lower bound that starts from the circular convolution's top singular vector at its peak.

    A sine window over it falls off towards the border as the true vector does, and a little noise keeps a symmetry of
    the kernel from hiding the answer. Groups whose spectrum, times the norm of the ``extension`` that padding may be,
    is too low to matter are left out.
    """
    estimates = peak.group_values.clamp_min(0).sqrt().tolist()
    chosen = [group for group, each in enumerate(estimates) if each >= 0.9 * max(estimates)]
    found = _of_groups(operator, chosen, kernel, peak, upper, tolerance)
    others = [group for group, each in enumerate(estimates) if group not in chosen and each * extension > found.lower]
    if others:
        more = _of_groups(operator, others, kernel, peak, upper, tolerance)
        found = max(found, more, key=lambda each: each.lower)
    return found


def reached(
    operator: ConvOperator, start: torch.Tensor, size: float, *, tolerance: float, upper: float = math.inf
) -> Reached:
    """Return how much Lanczos' method on ``A' A``, from an output ``start`` (out, \\*size), makes the layer stretch.

    ``operator`` is in float64; the iterations are in float32 unless ``tolerance``, at most which the residual is to be,
    is below 1e-5. They also end where they come within ``tolerance`` of ``upper``. What they find is only an input: how
    much it is stretched is computed in float64.

    Rounding: an output is an inner product of K terms, wrong by at most K units of their absolute terms; the layer with
    absolute weights has a norm of at most ``size``. The two lengths are wrong by their numbers of entries in units.
    """
    dtype = torch.float32 if tolerance >= 1e-5 else torch.float64
    with plain_arithmetic(dtype):
        iterated = ConvOperator(operator.weight.to(dtype), operator.geometry)
        first = iterated.adjoint(start.to(dtype)[None])
        random = torch.Generator().manual_seed(0)
        noise = torch.randn(first.shape, generator=random, dtype=dtype).to(first.device)
        first = first / first.norm().clamp_min(torch.finfo(dtype).tiny) + noise * (_NOISE[dtype] / noise.norm())
        pair = top_eigenpair(
            lambda image: iterated.adjoint(iterated.apply(image)),
            first,
            tolerance=tolerance,
            enough=(upper * (1 - tolerance)) ** 2,
            least=6,
            basis=max(4, min(32, _BASIS_BYTES // (first.numel() * first.element_size()))),
        )
    with plain_arithmetic(torch.float64):
        vector = pair.vector.double()
        vector = vector / vector.norm()
        image = operator.apply(vector)
        length, ratio = float(vector.norm()), float(image.norm() / vector.norm())
        rest = operator.adjoint(image) - ratio**2 * vector
    terms = operator.weight.shape[1] * taps(operator.weight.shape[2:])
    error = 2 * (terms + 8) * UNIT * size + 2 * (vector.numel() + image.numel() + 8) * UNIT * ratio
    residual = float(rest.norm()) / (ratio**2 * length) if ratio else 0.0
    return Reached(max(0.0, ratio - error), residual)


def _of_groups(
    operator: ConvOperator, groups: list[int], kernel: Polyphase, peak: Peak, upper: float, tolerance: float
) -> Reached:
    part = operator if len(groups) == operator.geometry.groups else operator.group(groups)
    start = _wave(part, groups, kernel, peak)
    return reached(part, start, absolute_size(kernel, operator), tolerance=tolerance, upper=upper)


def absolute_size(kernel: Polyphase, operator: ConvOperator) -> float:
    """Return a bound of the norm of the layer with absolute weights: the sum of the taps' norms, times padding's."""
    return kernel.size * operator.geometry.extension * (1 + 1e-6)


def _wave(operator: ConvOperator, groups: list[int], kernel: Polyphase, peak: Peak) -> torch.Tensor:
    """Return the output (out, \\*size) that waves at the peak's frequency in its channels' proportions, windowed."""
    wave = torch.zeros(operator.output_shape, dtype=torch.float64, device=operator.weight.device)
    if peak.group not in groups:
        return wave
    outputs, inputs = kernel.matrices.shape[2:]
    channels = peak.vector
    if outputs > inputs:  # the spectrum was taken on the other side
        turns = kernel.taps.to(wave.device).double() @ peak.frequency
        matrix = (kernel.matrices[:, peak.group] * torch.exp(2j * math.pi * turns)[:, None, None]).sum(0)
        channels = matrix @ channels
    places = torch.ones((), dtype=torch.complex128, device=wave.device)
    for axis, frequency in zip(operator.geometry.axes, peak.frequency.tolist(), strict=True):
        along = torch.arange(axis.outputs, dtype=torch.float64, device=wave.device)
        window = torch.ones_like(along)
        if operator.geometry.mode != "circular":
            window = torch.sin(math.pi * (along + 1) / (axis.outputs + 1))
        places = places[..., None] * window * torch.exp(2j * math.pi * frequency * along)
    begin = groups.index(peak.group) * outputs
    shape = (outputs, *(1 for _ in operator.geometry.axes))
    wave[begin : begin + outputs] = (channels.view(shape) * places).real
    return wave
