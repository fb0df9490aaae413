import math

import pytest
import torch

from blindspots.spectral.matrix.semidefinite import proved


@pytest.mark.parametrize("side", [1, 2, 30])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_a_proof_is_neither_wrong_nor_far_off(side, dtype):
    random = torch.Generator().manual_seed(side)
    turn = torch.linalg.qr(torch.randn(side, side, dtype=dtype, generator=random)).Q
    values = torch.linspace(0, 1, side + 1, dtype=torch.float64)[1:] * 3.7
    matrix = (turn * values) @ turn.mH
    top = 3.7
    assert proved(matrix[None], top * (1 + 1e-10), error=1e-12).all()
    assert not proved(matrix[None], top * (1 - 1e-10), error=1e-12).any()
    assert not proved(matrix[None], top * (1 + 1e-10), error=1e-9).any()  # the error is counted
    assert not proved(matrix[None], 0.0, error=0.0).any()
    assert not proved(matrix[None] * math.nan, top, error=0.0).any()
    if side > 1:  # only the lower triangle is read
        assert proved(matrix.tril()[None], top * (1 + 1e-10), error=1e-12).all()
