"""Both kinds of inputs, ``DenseInputs`` and ``SparseInputs``, give the products of a dense matrix."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blindspots.training.inputs import DenseInputs, Inputs, as_inputs
from blindspots.training.sparse_inputs import SparseInputs

KINDS = (DenseInputs, SparseInputs)


def sparse_rows(count: int, inputs: int, share: float, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    rows = torch.rand(count, inputs, generator=random, dtype=dtype)
    return rows * (torch.rand(count, inputs, generator=random) < share)


def products(inputs: Inputs, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    wide = torch.nn.functional.pad(bias, (0, inputs.width(len(bias)) - len(bias)))
    return torch.cat([inputs.product(chunk, inputs.table(weight), wide) for chunk in inputs.chunks])


@pytest.mark.parametrize("kind", KINDS)
@given(
    count=st.integers(1, 230),
    inputs=st.integers(1, 420),
    units=st.integers(1, 40),
    size=st.integers(1, 230),
    share=st.sampled_from([0.0, 0.02, 0.2, 1.0]),
    seed=st.integers(0, 99),
)
def test_products_and_gradients_are_those_of_the_dense_matrix(
    kind: type, count: int, inputs: int, units: int, size: int, share: float, seed: int
) -> None:
    rows = sparse_rows(count, inputs, share, seed)
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(units, inputs, generator=random, dtype=torch.float64)
    bias = torch.randn(units, generator=random, dtype=torch.float64)
    made = kind(rows, size=size)
    found = products(made, weight, bias)
    torch.testing.assert_close(found[:, :units], rows @ weight.t() + bias)
    assert not found[:, units:].any()
    delta = torch.randn(count, units, generator=random, dtype=torch.float64)
    wide = torch.nn.functional.pad(delta, (0, made.width(units) - units))
    sums = made.sums(weight)
    for chunk in made.chunks:
        made.add_gradient(chunk, wide[chunk].contiguous(), sums)
    torch.testing.assert_close(made.gradient(sums, units), delta.t() @ rows)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_say_what_they_hold(kind: type) -> None:
    rows = sparse_rows(10, 6, 0.9, 0)
    rows[:, [1, 4]] = 0
    made = kind(rows, size=4)
    assert made.live.tolist() == [0, 2, 3, 5]
    assert [(chunk.start, chunk.stop) for chunk in made.chunks] == [(0, 4), (4, 8), (8, 10)]
    assert made.rows is rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_sparse_products_are_taken_where_they_are_faster(dtype: torch.dtype) -> None:
    assert isinstance(as_inputs(sparse_rows(50, 40, 0.2, 0, dtype)), SparseInputs)
    assert isinstance(as_inputs(sparse_rows(50, 40, 0.6, 0, dtype)), DenseInputs)
    assert isinstance(as_inputs(sparse_rows(50, 40, 0.2, 0).half()), DenseInputs)


def test_float32_is_multiplied_in_float32() -> None:
    rows = sparse_rows(300, 400, 0.2, 3, torch.float32)
    weight = torch.randn(100, 400, generator=torch.Generator().manual_seed(0))
    found = products(SparseInputs(rows, size=120), weight, torch.zeros(100))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[:, :100].double(), rows.double() @ weight.double().t(), rtol=1e-4, atol=1e-4)
