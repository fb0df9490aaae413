import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from blindspots.device import one_thread
from blindspots.spectral.rules.rules import layer_bound
from blindspots.spectral.rules.windows import sliding


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


@settings(max_examples=100, deadline=None)
@given(size=st.integers(1, 12), outputs=st.integers(1, 12))
def test_adaptive_pooling_follows_torch_s_windows(size, outputs):
    average, largest = nn.AdaptiveAvgPool1d(outputs), nn.AdaptiveMaxPool1d(outputs)
    assert layer_bound(average, (1, size)).upper == pytest.approx(dense_norm(average, (size,)), rel=1e-9)
    won = spikes(largest, (size,)).sum(dim=1).max()
    assert layer_bound(largest, (1, size)).upper == pytest.approx(math.sqrt(float(won)), rel=1e-12)


def test_a_long_axis_is_bounded_without_its_matrix():
    long, short = layer_bound(nn.AvgPool1d(9, 2), (1, 40_000)), layer_bound(nn.AvgPool1d(9, 2), (1, 399))
    assert long.lower <= short.upper
    assert short.upper < long.upper < short.upper * 1.1
    assert long.upper == pytest.approx(math.sqrt(5) / 3, rel=1e-9)
    assert layer_bound(nn.AvgPool1d(4), (1, 40_000)).tight


def test_windows_know_what_they_hold():
    windows = sliding(5, 3, kernel=3, stride=2, padding=1)
    assert windows.held.tolist() == [2, 3, 2]
    assert windows.reach.tolist() == [3, 3, 3]
    assert windows.totals(torch.ones(3)).tolist() == [1, 2, 1, 2, 1]
