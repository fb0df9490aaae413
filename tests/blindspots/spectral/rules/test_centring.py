import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.device import one_thread
from blindspots.spectral.rules.centring import centred_norm


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():  # these are small: a second thread costs more than it saves, on a busy machine ten times over
        yield


NUMBERS = st.floats(-10, 10).map(lambda value: round(value, 3))


@settings(max_examples=150, deadline=None)
@given(scales=st.lists(NUMBERS, min_size=1, max_size=8), repeats=st.integers(1, 3), near=st.booleans())
def test_centring_is_its_matrix(scales, repeats, near):
    scales = torch.tensor(scales, dtype=torch.float64)
    if near:
        scales = 1 + scales * 1e-9
    whole = scales.repeat_interleave(repeats)
    matrix = whole[:, None] * (torch.eye(len(whole), dtype=torch.float64) - 1 / len(whole))
    true = float(torch.linalg.matrix_norm(matrix, 2)) if len(whole) > 1 else 0.0
    bound = centred_norm(scales, repeats)
    assert bound.tight
    assert bound.lower * (1 - 1e-12) <= true <= bound.upper * (1 + 1e-12)


def test_centring_many_values_is_quick_and_tight():
    scales = torch.randn(50_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert centred_norm(scales).tight
