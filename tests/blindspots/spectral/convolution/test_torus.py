import math

import pytest
import torch

from blindspots.spectral.convolution.peak import Peak, half_grid
from blindspots.spectral.convolution.torus import _riesz, torus_norm_squared
from tests.blindspots.spectral.convolution.spectra import found


@pytest.mark.parametrize("halves", [(0.1, 0.0), (0.03, 0.02), (0.0, 0.2)])
def test_what_a_cell_keeps_of_its_maximum_is_sharp(halves):
    # |1 + e^{2 pi i (3 f1 + 2 f2)}|^2 is highest at 0, and falls as fast as a spectrum of this degree can
    weight = torch.zeros(1, 1, 4, 3)
    weight[..., 0, 0] = weight[..., 3, 2] = 1
    lags, peak = found(weight, (1, 1))
    corner = torch.tensor([halves], dtype=torch.float64)
    assert peak.value == pytest.approx(4)
    assert _riesz(lags, corner[0]) * 4 == pytest.approx(float(lags.spectrum(corner).real), rel=1e-9)


@pytest.mark.parametrize("turns", [0.0, 0.07, 0.2, 0.36, 0.43, 0.5])
@pytest.mark.parametrize("dims", [1, 2])
def test_the_supremum_is_proved_without_knowing_the_peak(turns, dims):
    angles = 2 * math.pi * turns * torch.arange(4, dtype=torch.float64)
    wave = torch.stack([angles.cos(), angles.sin()])[:, None]
    weight = wave if dims == 1 else wave[..., None]
    lags, peak = found(weight, (1,) * dims)
    model = lags.restricted(torch.zeros(1, 1, 1, dtype=torch.float64))
    misled = Peak(0 * peak.frequency, 0, 1e-3, peak.vector, peak.group_values, model)
    fine = half_grid([4000, 1][:dims], lags.lags)
    true = float(lags.spectrum(fine).real.max())
    assert true <= torus_norm_squared(lags, misled) <= 1.01 * true


def test_the_supremum_of_all_frequencies_is_proved_close_to_the_peak():
    random = torch.Generator().manual_seed(5)
    for shape, stride in (
        ((4, 3, 4), (1,)),
        ((6, 5, 3, 3), (1, 2)),
        ((24, 20, 3, 3), (1, 1)),
        ((2, 2, 2, 3, 2), (1, 1, 1)),
    ):
        lags, peak = found(torch.randn(shape, generator=random) + 0.5, stride)
        square = torus_norm_squared(lags, peak)
        assert peak.value <= square <= peak.value * (1 + 1.01e-4)
        fine = half_grid([40 if len(stride) < 3 else 12] * len(stride), lags.lags)
        assert float(torch.linalg.eigvalsh(lags.spectrum(fine)).max()) <= square
