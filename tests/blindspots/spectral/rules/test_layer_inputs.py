import math

import pytest
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.rules.layer_inputs import (
    axis_of,
    check_channels,
    checked_shape,
    finite,
    finite_number,
    output_shape,
    per_axis,
    spatial_sizes,
)


def test_shapes_go_without_the_batch():
    assert checked_shape([3, 4]) == (3, 4)
    assert output_shape(nn.MaxPool2d(2), (3, 8, 6)) == (3, 4, 3)
    assert spatial_sizes(nn.MaxPool2d(2), (3, 8, 6), 2) == (8, 6)
    with pytest.raises(InputError, match="channels and 2 sizes are wanted"):
        spatial_sizes(nn.MaxPool2d(2), (3, 8), 2)
    with pytest.raises(InputError, match=r"MaxPool2d takes no input of shape \(3, 1, 1\): "):
        output_shape(nn.MaxPool2d(2), (3, 1, 1))


def test_channels_are_counted():
    check_channels(nn.PReLU(3), (3, 2), 3)
    with pytest.raises(InputError, match=r"PReLU takes no input of shape .*: 3 channels are wanted"):
        check_channels(nn.PReLU(3), (2, 3), 3)


@pytest.mark.parametrize(("dim", "axis"), [(1, 0), (2, 1), (-1, 1), (-2, 0)])
def test_an_axis_is_counted_with_the_batch_or_from_the_end(dim, axis):
    assert axis_of(nn.Softmax(dim), (3, 4), dim) == axis


def test_the_batch_is_no_axis_of_one_input():
    for dim in (0, -3):
        with pytest.raises(NoRuleError, match="mixes the inputs of a batch"):
            axis_of(nn.Softmax(dim), (3, 4), dim)
    with pytest.raises(InputError, match="have no dim 3"):
        axis_of(nn.Softmax(3), (3, 4), 3)


def test_numbers_are_finite():
    assert finite(nn.PReLU(), "weight", torch.ones(1)).dtype == torch.float64
    assert finite_number(nn.ELU(), "alpha", 2) == 2.0
    with pytest.raises(InputError, match="ELU: alpha holds infinities or NaN"):
        finite_number(nn.ELU(), "alpha", math.inf)


def test_one_size_serves_all_axes():
    assert per_axis(2, 3) == (2, 2, 2)
    assert per_axis((2,), 3) == (2, 2, 2)
    assert per_axis((1, 2), 2) == (1, 2)
