import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.network import network_bounds
from blindspots.spectral.proof.rounding import is_covered
from blindspots.spectral.rules.layer_inputs import (
    axis_of,
    check_channels,
    checked_shape,
    finite,
    finite_number,
    output_shape,
    own_code,
    per_axis,
    spatial_sizes,
)
from tests.blindspots.spectral.graph.models import Does, norm


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
    assert per_axis(np.int64(2), 2) == per_axis([np.int32(2)], 2) == (2, 2)
    assert type(per_axis((np.int64(2),), 1)[0]) is int


class Scaled(torch.Tensor):
    """A tensor that a linear layer takes for three times itself."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        outcome = super().__torch_function__(func, types, args, kwargs or {})
        return 3 * outcome if func is torch.nn.functional.linear else outcome


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_tensors_of_another_class_may_compute_otherwise(name):
    layer = nn.Linear(2, 2)
    assert own_code(layer) == ""
    setattr(layer, name, nn.Parameter(torch.ones_like(getattr(layer, name)).as_subclass(Scaled)))
    assert f"has a {name!r} of the class Scaled" in own_code(layer)
    for model in (layer, nn.Sequential(layer)):
        with pytest.raises(NoRuleError, match="of the class Scaled"):
            network_bounds(model, (2,))
    assert not is_covered(layer)
    with pytest.raises(InputError, match="Scaled"):
        network_bounds(Does(lambda m, x: torch.nn.functional.linear(x, m.l.weight, m.l.bias), l=layer), (2,))


@pytest.mark.parametrize("parametrised", [weight_norm, spectral_norm])
def test_parametrised_layers_are_torchs_own(parametrised):
    layer = parametrised(nn.Linear(3, 2)).eval()
    assert own_code(layer) == ""
    assert network_bounds(layer, (3,)).attrs["product"] == pytest.approx(norm(layer), rel=1e-5)
