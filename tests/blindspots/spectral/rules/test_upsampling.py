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


def pools_on(layer, shape):
    try:
        layer(torch.zeros(1, 1, *shape))
    except (RuntimeError, ValueError):
        return False
    return True


@settings(max_examples=100, deadline=None)
@given(
    size=st.integers(1, 6),
    scale=st.sampled_from([0.7, 1.0, 1.5, 2.0, 3.0]),
    mode=st.sampled_from(["nearest", "nearest-exact", "bilinear", "bicubic"]),
    corners=st.booleans(),
    by_size=st.booleans(),
)
def test_upsampling_is_its_matrix(size, scale, mode, corners, by_size):
    align = None if mode.startswith("nearest") else corners
    wanted = {"size": (math.ceil(size * scale), 5)} if by_size else {"scale_factor": (scale, 2.0)}
    layer = nn.Upsample(**wanted, mode=mode, align_corners=align)
    assume(pools_on(layer, (size, 3)))
    assert layer_bound(layer, (2, size, 3)).upper == pytest.approx(dense_norm(layer, (size, 3)), rel=1e-9)
