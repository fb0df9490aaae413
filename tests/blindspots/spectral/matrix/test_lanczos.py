import pytest
import torch

from blindspots.spectral.matrix.lanczos import top_eigenpair


@pytest.mark.parametrize("basis", [4, 8, 40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lanczos_finds_the_top_with_and_without_restarts(basis, dtype):
    values = torch.linspace(0, 1, 90, dtype=dtype) ** 2 * 7
    start = torch.randn(9, 10, generator=torch.Generator().manual_seed(0)).to(dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-11
    pair = top_eigenpair(lambda v: values.view(9, 10) * v, start, tolerance=tolerance, basis=basis, most=1000)
    assert pair.value == pytest.approx(7, rel=1e-5 if dtype == torch.float32 else 1e-12)
    if basis == 40:  # with few vectors it ends where the value no longer rises
        assert pair.residual <= tolerance
    true = float((values.view(9, 10) * pair.vector - pair.value * pair.vector).norm()) / pair.value
    assert true == pytest.approx(pair.residual, rel=0.05, abs=tolerance)
    assert pair.vector.shape == start.shape


def test_lanczos_ends_where_nothing_is_left_to_find():
    assert top_eigenpair(lambda v: 0 * v, torch.ones(3), tolerance=1e-6).value == 0
    assert top_eigenpair(lambda v: 2 * v, torch.ones(5), tolerance=0.0).applications == 1
    pair = top_eigenpair(lambda v: v * torch.tensor([1.0, 2.0]), torch.ones(2), tolerance=0.0)
    assert pair.value == pytest.approx(2)
    assert pair.applications == 2
    assert top_eigenpair(lambda v: v, torch.zeros(4), tolerance=1e-6).value == 0
