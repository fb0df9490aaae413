import pytest
import torch

from blindspots.spectral.convolution.peak import half_grid, largest
from tests.blindspots.spectral.convolution.spectra import found


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_half_of_a_grid_has_every_frequency_or_its_negative(count, shift):
    like = torch.zeros(1, dtype=torch.float64)
    half = half_grid([count, 3], like, (shift, 0.5))
    kept = {tuple(round(float(value) % 1, 9) for value in sign * row) for row in half for sign in (1, -1)}
    whole = {(round((j + shift) / count % 1, 9), round((k + 0.5) / 3 % 1, 9)) for j in range(count) for k in range(3)}
    assert whole <= kept


@pytest.mark.parametrize("shape", [(3, 2, 5), (2, 3, 3, 3), (24, 20, 3, 3)])
def test_the_peak_is_about_the_highest_value_of_a_fine_grid(shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    lags, peak = found(weight, (1,) * (len(shape) - 2))
    fine = half_grid([60] * (len(shape) - 2), lags.lags)
    highest = float(largest(lags, fine).max())
    assert peak.value >= highest * (1 - 1e-9)
    matrix = lags.spectrum(peak.frequency[None])[0, peak.group]
    rest = matrix @ peak.vector - peak.value * peak.vector
    assert float(rest.norm()) <= 1e-2 * peak.value
    assert float(largest(peak.model, fine).max()) <= highest * (1 + 1e-9)  # the model is from below
