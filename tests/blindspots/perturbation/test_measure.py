"""The measure of a perturbation."""

import pytest
import torch

from blindspots.perturbation import distortion


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(4,), (1, 2, 2), (2, 2)])
def test_it_is_the_root_mean_square_of_each_row(shape, dtype):
    rows = torch.tensor([[3.0, 0.0, -4.0, 0.0], [0.5, 0.5, 0.5, -0.5], [0.0] * 4], dtype=dtype)
    found = distortion(rows.reshape(3, *shape))
    assert found.dtype == torch.float64
    assert found.tolist() == [2.5, 0.5, 0.0]


def test_small_ones_keep_their_digits():
    tiny = torch.full((1, 784), 1e-30)  # the square of which float32 does not hold
    assert distortion(tiny).item() == pytest.approx(1e-30, rel=1e-6)
