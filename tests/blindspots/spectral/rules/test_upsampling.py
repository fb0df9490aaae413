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


def spikes(layer, shape, dtype):
    """What a layer of one channel makes of each single 1 in a plane of zeros: (values of the plane, outputs)."""
    units = torch.eye(math.prod(shape), dtype=dtype).view(-1, 1, *shape)
    return layer(units).flatten(1)


def dense_norms(layer, shape):
    both = (spikes(layer, shape, dtype).double() for dtype in (torch.float64, torch.float32))
    return [float(torch.linalg.matrix_norm(matrix, 2)) for matrix in both]


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
    bound, norms = layer_bound(layer, (2, size, 3)), dense_norms(layer, (size, 3))
    # copies are counted; of weights that are no whole numbers float32 rounds the products too
    room = 1e-12 if mode.startswith("nearest") else 1e-6
    assert max(norms) * (1 - room) <= bound.upper <= max(norms) * (1 + 1e-6)
    assert min(norms) * (1 - 1e-6) <= bound.lower <= min(norms) * (1 + room)


@pytest.mark.parametrize(("mode", "size", "scale"), [("nearest", 2, 41.0), ("nearest", 3, 41.0)])
def test_copies_are_counted_as_each_dtype_makes_them(mode, size, scale):
    """Float32 rounds 2 / 82 so that one value is next to 42 places, float64 so that each is next to 41."""
    layer = nn.Upsample(scale_factor=scale, mode=mode)
    places = torch.arange(size)[None, None]
    most = [int(layer(places.to(dtype)).flatten().long().bincount().max()) for dtype in (torch.float64, torch.float32)]
    assert most == [41, 42]
    bound = layer_bound(layer, (1, size))
    assert bound.lower**2 == pytest.approx(41, rel=1e-6)
    assert bound.upper**2 == pytest.approx(42, rel=1e-6)


def test_where_nothing_is_to_be_done_torch_copies_what_comes_in():
    layer = nn.Upsample(scale_factor=(4 / 3, 1.0))  # 2 values of 2; by the factor alone the first would come twice
    places = torch.arange(4.0).reshape(1, 1, 2, 2)
    assert torch.equal(layer(places), places)
    assert layer_bound(layer, (1, 2, 2)).upper == 1
    assert layer_bound(nn.Upsample(scale_factor=(4 / 3, 2.0)), (1, 2, 2)).upper ** 2 == pytest.approx(4, rel=1e-6)
