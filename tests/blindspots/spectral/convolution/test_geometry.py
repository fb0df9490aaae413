import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.errors import InputError
from blindspots.spectral.convolution.geometry import Axis, Geometry
from blindspots.spectral.convolution.norm import conv_norm, conv_transpose_norm
from blindspots.spectral.convolution.operator import ConvOperator


@st.composite
def axes(draw) -> Axis:
    kernel, stride, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    before, after = draw(st.integers(0, 6)), draw(st.integers(-2, 6))
    least = max(1, dilation * (kernel - 1) + 1 - before - after, 1 - after)
    return Axis(draw(st.integers(least, least + 8)), kernel, stride, dilation, before, after)


@settings(max_examples=300)
@given(axes(), st.integers(0, 3), st.floats(0, 1), st.integers(0, 2**31))
def test_zero_padding_is_part_of_every_shifted_circle_that_is_large_enough(axis, more, shift, seed):
    weight = torch.randn(1, 1, axis.kernel, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    true = float(torch.linalg.matrix_norm(ConvOperator(weight, Geometry((axis,), 1, "zeros")).dense()[0], 2))
    points = (axis.coarse_grid + more) * axis.stride
    places = axis.dilation * torch.arange(axis.kernel)
    circle = torch.zeros(points // axis.stride, points, dtype=torch.complex128)
    for row, start in enumerate(range(0, points, axis.stride)):
        for place, value in zip(places.tolist(), weight.flatten().tolist(), strict=True):
            angle = 2 * math.pi * shift * place / points
            circle[row, (start + place) % points] += value * complex(math.cos(angle), math.sin(angle))
    assert true <= float(torch.linalg.matrix_norm(circle, 2)) * (1 + 1e-12)


def test_the_circle_that_is_large_enough_is_not_larger_than_the_slip_input_grid_says():
    for size, kernel, pad in itertools.product(range(3, 9), (1, 3, 5), range(3)):
        if pad <= kernel // 2:
            assert Axis(size, kernel, 1, 1, pad, pad).coarse_grid <= size + pad
    assert Axis(224, 11, 4, 1, 2, 2).coarse_grid == 57
    assert Axis(1, 1, 1, 1, 5, 5).coarse_grid == 1  # ten outputs read padding alone


OK = {"weight": torch.ones(4, 2, 3, 3), "input_size": (5, 5)}


BAD = [
    ({"weight": torch.ones(4, 2)}, "weight has shape (4, 2)"),
    ({"weight": torch.ones(0, 2, 3, 3)}, "empty"),
    ({"weight": torch.full((4, 2, 3, 3), math.nan)}, "finite"),
    ({"weight": torch.full((4, 2, 3, 3), math.inf)}, "finite"),
    ({"weight": torch.ones(4, 2, 3, 3, dtype=torch.int64)}, "dtype torch.int64"),
    ({"groups": 3}, "groups = 3"),
    ({"groups": 0}, "groups = 0"),
    ({"input_size": (5,)}, "input_size"),
    ({"input_size": (5, 0)}, "input_size"),
    ({"input_size": (2, 5)}, "fewer than the 3 that the kernel spans"),
    ({"stride": 0}, "stride = 0"),
    ({"stride": (1, 2, 3)}, "stride = (1, 2, 3)"),
    ({"stride": 1.5}, "stride = 1.5"),
    ({"dilation": 0}, "dilation = 0"),
    ({"dilation": 3}, "the 7 that the kernel spans"),
    ({"padding": -1}, "padding = -1"),
    ({"padding": "full"}, "padding = 'full'"),
    ({"padding": "same", "stride": 2}, "stride 1"),
    ({"tolerance": 0}, "tolerance = 0"),
    ({"tolerance": math.nan}, "tolerance = nan"),
    ({"padding_mode": "mirror"}, "padding_mode = 'mirror'"),
    ({"padding_mode": "reflect", "padding": 5}, "reflect padding of 5 values is at most 4"),
    ({"padding_mode": "circular", "padding": 6}, "circular padding of 5 values is at most 5"),
    ({"weight": torch.full((4, 2, 3, 3), 1e308, dtype=torch.float64)}, "exceeds the largest float64"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input_is_named(change, message):
    with pytest.raises(InputError) as error:
        conv_norm(**OK | change)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output_padding": 1}, "output_padding = 1"),
        ({"padding": 4, "input_size": (3, 3)}, "the output has -3 values"),
        ({"groups": 3}, "groups = 3"),
        ({"input_size": (5, 5, 5)}, "input_size"),
    ],
)
def test_bad_input_of_a_transposed_convolution_is_named(change, message):
    with pytest.raises(InputError) as error:
        conv_transpose_norm(**OK | change)
    assert message in str(error.value)


def test_the_table_of_bad_input_covers_every_argument():
    changed = set(itertools.chain.from_iterable(change for change, _ in BAD))
    assert changed == {"weight", "input_size", "stride", "padding", "dilation", "groups", "padding_mode", "tolerance"}
