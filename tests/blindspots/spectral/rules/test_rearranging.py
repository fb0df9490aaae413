import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from blindspots.device import one_thread
from blindspots.errors import InputError
from blindspots.spectral.rules.rules import NoRuleError, layer_bound


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():  # these are small: a second thread costs more than it saves, on a busy machine ten times over
        yield


def spikes(layer, shape):
    """What a layer of one channel makes of each single 1 in a plane of zeros: (values of the plane, outputs)."""
    units = torch.eye(math.prod(shape), dtype=torch.float64).view(-1, 1, *shape)
    return layer(units).flatten(1)


def dense_norm(layer, shape):
    return float(torch.linalg.matrix_norm(spikes(layer, shape), 2))


def pools_on(layer, shape):
    try:
        layer(torch.zeros(1, 1, *shape))
    except (RuntimeError, ValueError):
        return False
    return True


@settings(max_examples=100, deadline=None)
@given(
    size=st.integers(1, 6),
    margins=st.tuples(st.integers(-2, 4), st.integers(-2, 4), st.integers(0, 2), st.integers(0, 2)),
    kind=st.sampled_from([nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d, nn.ZeroPad2d]),
)
def test_padding_is_its_matrix(size, margins, kind):
    layer = kind(margins)
    assume(kind is not nn.CircularPad2d or min(margins) >= 0)
    assume(pools_on(layer, (3, size)))
    assume(spikes(layer, (3, size)).numel())
    assert layer_bound(layer, (1, 3, size)).upper == pytest.approx(dense_norm(layer, (3, size)), rel=1e-9)


def test_a_layer_that_joins_the_batch_has_no_rule():
    with pytest.raises(NoRuleError, match="mixes the inputs of a batch"):
        layer_bound(nn.Flatten(0), (3, 4))


@pytest.mark.parametrize(("layer", "shape"), [(nn.ConstantPad1d((1, -1), 3.0), (5,)), (nn.ZeroPad1d(1), (2, 3, 4))])
def test_constants_are_added_along_the_last_axes_whatever_they_are(layer, shape):
    assert layer_bound(layer, shape).upper == 1
    assert layer_bound(nn.ConstantPad3d((0, 0, 0, 0, 2, 2), 0.0), (4, 4, 4)).upper == 1
    assert layer_bound(nn.ConstantPad3d((-1, -1, 0, 0, 2, 2), 0.0), (4, 4, 2)).upper == 0
    with pytest.raises(InputError, match="3 sizes are wanted"):
        layer_bound(nn.ZeroPad3d(1), (4, 4))
