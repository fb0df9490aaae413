import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.errors import InputError
from blindspots.spectral.matrix import norm as module
from blindspots.spectral.matrix.lanczos import top_eigenpair
from blindspots.spectral.matrix.norm import dense_norm, linear_norm, linear_norm_estimate

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@settings(max_examples=200)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(DTYPES), st.integers(0, 2**31))
def test_holds_and_is_tight(rows, columns, dtype, seed):
    random = torch.Generator().manual_seed(seed)
    weight = (torch.randn(rows, columns, generator=random) + seed % 3).to(dtype)
    true = float(torch.linalg.matrix_norm(weight.double(), 2))
    bound = linear_norm(weight)
    assert bound.lower <= true * (1 + 1e-14)
    assert true <= bound.upper * (1 + 1e-14)
    assert bound.upper <= bound.lower * (1 + 1e-8)
    assert bound.residual <= 1e-6


@pytest.mark.parametrize("shape", [(300, 700), (700, 300)])
@pytest.mark.parametrize("spectrum", ["normal", "equal", "close", "one"])
def test_holds_and_is_tight_where_a_large_matrix_goes_by_lanczos(shape, spectrum):
    assert min(shape) > module._SMALL
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(shape, generator=random, dtype=torch.float64)
    if spectrum != "normal":
        left, _, right = torch.linalg.svd(weight, full_matrices=False)
        values = {"equal": torch.ones(300), "close": torch.linspace(1, 1 - 1e-3, 300), "one": torch.eye(300)[0]}
        weight = (left * values[spectrum].double()) @ right
    true = float(torch.linalg.matrix_norm(weight, 2))
    bound = linear_norm(weight)
    assert bound.lower <= true * (1 + 1e-13)
    assert true <= bound.upper * (1 + 1e-13)
    assert bound.upper <= bound.lower * (1 + 1e-6)


def test_holds_where_the_gram_matrix_is_summed_in_blocks():
    weight = torch.randn(module._BLOCK + 20, module._ROWS + 80, generator=torch.Generator().manual_seed(2))
    weight[-1, -1] = 100  # in the last block, and the last chunk
    true = float(torch.linalg.matrix_norm(weight.double(), 2))
    bound = linear_norm(weight)
    assert bound.lower <= true * (1 + 1e-13)
    assert true <= bound.upper * (1 + 1e-13)
    assert bound.tight


def test_of_several_matrices_is_the_largest():
    weight = torch.randn(5, 6, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    bound = dense_norm(weight)
    true = float(torch.linalg.matrix_norm(weight, 2).max())
    assert bound.lower <= true <= bound.upper
    assert bound.tight


def test_an_estimate_that_is_too_low_is_no_bound(monkeypatch):
    # half of the largest eigenvalue, by the wrong vector: the factorisation must fail until the bound holds
    def misled(apply, start, **_):
        vector = torch.ones_like(start) / len(start) ** 0.5
        return top_eigenpair(apply, vector, tolerance=1.0, most=1)

    monkeypatch.setattr(module, "top_eigenpair", misled)
    weight = torch.randn(250, 260, generator=torch.Generator().manual_seed(0))
    bound = linear_norm(weight)
    assert float(torch.linalg.matrix_norm(weight.double(), 2)) <= bound.upper
    assert bound.lower < 0.9 * bound.upper


def test_an_estimate_is_near_and_from_below():
    weight = torch.randn(400, 300, generator=torch.Generator().manual_seed(1))
    true = float(torch.linalg.matrix_norm(weight.double(), 2))
    bound = linear_norm_estimate(weight)
    assert true * (1 - 1e-3) <= bound.lower <= true * (1 + 1e-14)
    assert bound.upper == math.inf
    assert linear_norm_estimate(weight.double() * 1e200).lower == pytest.approx(bound.lower * 1e200)


@pytest.mark.parametrize("weight", [torch.zeros(3, 4), torch.zeros(0, 4), torch.zeros(3, 0)])
def test_of_nothing_is_zero(weight):
    assert linear_norm(weight).upper == 0
    assert linear_norm_estimate(weight).upper == 0


@pytest.mark.parametrize("factor", [5e-324, 1e-310, 1e-200, 1e200, 1e307])
def test_neither_overflows_nor_vanishes(factor):
    weight = torch.tensor([[1.0, 2], [-2, 1]], dtype=torch.float64) * factor
    bound = linear_norm(weight)
    assert bound.lower <= math.sqrt(5) * factor * (1 + 1e-14) or factor < 1e-300
    assert bound.lower <= bound.upper <= max(math.sqrt(5) * factor * (1 + 1e-8), 1.5e-323)
    assert bound.upper >= math.sqrt(5) * factor * (1 - 1e-14)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.ones(3), "weight has shape (3,)"),
        (torch.ones(2, 2, 2), "weight has shape (2, 2, 2)"),
        (torch.tensor([[1, 2]]), "dtype torch.int64"),
        (torch.tensor([[1.0, math.nan]]), "finite"),
        (torch.tensor([[1.0, -math.inf]]), "finite"),
        (torch.full((2, 2), 1.7e308, dtype=torch.float64), "exceeds the largest float64"),
    ],
)
def test_bad_input_is_named(weight, message):
    with pytest.raises(InputError) as error:
        linear_norm(weight)
    assert message in str(error.value)
