import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from blindspots.device import one_thread
from blindspots.spectral.rules.rules import layer_bound


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


WINDOWS = {
    "kernel": st.integers(1, 4),
    "stride": st.integers(1, 4),
    "padding": st.integers(0, 2),
    "dilation": st.integers(1, 3),
    "size": st.integers(1, 9),
    "ceil": st.booleans(),
}


def pools_on(layer, shape):
    try:
        layer(torch.zeros(1, 1, *shape))
    except (RuntimeError, ValueError):
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(**WINDOWS, include=st.booleans(), override=st.one_of(st.none(), st.integers(1, 5)))
def test_average_pooling_is_its_matrix(kernel, stride, padding, dilation, size, ceil, include, override):
    layer = nn.AvgPool2d((kernel, 2), (stride, 1), (padding, dilation - 1), ceil, include, override)
    assume(pools_on(layer, (size, 3)))
    bound = layer_bound(layer, (2, size, 3))
    assert bound.tight
    assert bound.lower * (1 - 1e-12) <= dense_norm(layer, (size, 3)) <= bound.upper * (1 + 1e-12)
