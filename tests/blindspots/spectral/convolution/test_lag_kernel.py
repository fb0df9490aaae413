import itertools
import math

import pytest
import torch

from tests.blindspots.spectral.convolution.spectra import found


def direct(weight: torch.Tensor, stride: tuple[int, ...], turns: list[float], grid: tuple[int, ...]) -> torch.Tensor:
    """The paper's matrix A at one frequency of the coarse grid, in turns: the kernel's transform at all aliases."""
    columns = []
    for alias in itertools.product(*(range(step) for step in stride)):
        fine = [(turn + a) / step for turn, a, step in zip(turns, alias, stride, strict=True)]
        matrix = torch.zeros(weight.shape[:2], dtype=torch.complex128)
        for tap in itertools.product(*(range(size) for size in weight.shape[2:])):
            angle = 2 * math.pi * sum(f * t for f, t in zip(fine, tap, strict=True))
            matrix += weight[(slice(None), slice(None), *tap)].double() * complex(math.cos(angle), math.sin(angle))
        columns.append(matrix)
    return torch.cat(columns, 1) / math.sqrt(math.prod(stride))


@pytest.mark.parametrize(("shape", "stride"), [((3, 2, 5), (2,)), ((2, 5, 3, 2), (1, 3)), ((7, 1, 2, 3, 4), (2, 1, 2))])
def test_the_lag_kernel_is_the_spectrum_squared(shape, stride):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    lags, peak = found(weight, stride)
    for turns in ([0.0] * len(stride), [0.31, 0.82, 0.125][: len(stride)]):
        values = torch.linalg.svdvals(direct(weight, stride, turns, stride)).square()
        frequency = torch.tensor([turns], dtype=torch.float64)
        eigenvalues = torch.linalg.eigvalsh(lags.spectrum(frequency)[0, 0]).flip(0)
        torch.testing.assert_close(eigenvalues[: len(values)], values[: len(eigenvalues)], rtol=1e-12, atol=1e-12)
        assert values[0] <= peak.value * (1 + 1e-9)
    assert lags.side == min(shape[0], shape[1] * math.prod(min(s, k) for s, k in zip(stride, shape[2:], strict=True)))
