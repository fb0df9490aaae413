import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.errors import InputError
from blindspots.spectral.convolution.geometry import conv_geometry
from blindspots.spectral.convolution.operator import ConvOperator
from blindspots.spectral.convolution.printed_formula import equation_one


@settings(max_examples=80)
@given(st.data())
def test_corrected_is_the_norm_of_the_circular_convolution(data):
    dims, groups = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    stride = tuple(data.draw(st.integers(1, 3)) for _ in range(dims))
    kernel = tuple(data.draw(st.integers(1, 3)) for _ in range(dims))
    grid = tuple(step * data.draw(st.integers(1, 3 if dims < 3 else 2)) for step in stride)
    random = torch.Generator().manual_seed(data.draw(st.integers(0, 2**31)))
    weight = torch.randn(2 * groups, 2, *kernel, generator=random, dtype=torch.float64)
    # the circular convolution, dense: the kernel is wrapped onto the grid first
    folded = weight
    for axis, (size, count) in enumerate(zip(kernel, grid, strict=True)):
        parts = folded.new_zeros(*folded.shape[: 2 + axis], count, *folded.shape[3 + axis :])
        folded = parts.index_add(2 + axis, torch.arange(size) % count, folded)
    padded = [size + count - 1 for size, count in zip(grid, grid, strict=True)]
    geometry = conv_geometry(grid, padded, stride=stride, padding=0, dilation=1, groups=groups, padding_mode="zeros")
    operator = ConvOperator(folded, geometry)
    inputs = 2 * groups * math.prod(grid)
    units = torch.eye(inputs, dtype=torch.float64).view(inputs, 2 * groups, *grid)
    for axis, count in enumerate(grid):
        units = units.index_select(2 + axis, torch.arange(2 * count - 1) % count)
    dense = operator.apply(units).flatten(1)
    value = equation_one(weight, grid=grid, stride=stride, groups=groups)
    assert value == pytest.approx(float(torch.linalg.matrix_norm(dense, 2)), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_as_printed_it_is_off_by_the_root_of_the_stride_in_each_axis(dims, stride):
    weight = torch.zeros(1, 1, *[2] * dims)
    weight.view(-1)[0] = 1
    grid = (8,) * dims
    assert equation_one(weight, grid=grid, stride=stride) == pytest.approx(1)
    printed = equation_one(weight, grid=grid, stride=stride, form="printed")
    assert printed == pytest.approx(stride ** (-dims / 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": (7, 8)}, "multiples of stride (2, 2)"),
        ({"grid": (8,)}, "grid = (8,)"),
        ({"form": "exact"}, "form = 'exact'"),
        ({"stride": 0}, "stride = 0"),
        ({"groups": 4}, "groups = 4"),
        ({"weight": torch.ones(3)}, "weight has shape (3,)"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(InputError) as error:
        equation_one(**{"weight": torch.ones(2, 1, 3, 3), "grid": (8, 8), "stride": 2} | change)
    assert message in str(error.value)
