import itertools
import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.spectral.convolution.geometry import Axis, Geometry
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
