import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import jacrev

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


def test_max_pooling_of_3_by_3_at_stride_2_is_not_contractive():
    # section 4.3 calls max pooling contractive; a value that is the largest of four windows is four outputs
    layer = nn.MaxPool2d(3, 2)
    bound = layer_bound(layer, (64, 55, 55))
    assert (bound.lower, bound.upper) == (2.0, 2.0)
    spike = torch.zeros(1, 1, 55, 55, dtype=torch.float64)
    spike[..., 2, 2] = 1
    assert float(layer(spike).norm() - layer(torch.zeros_like(spike)).norm()) == 2.0


@pytest.mark.parametrize(
    ("layer", "shape", "constant"),
    [
        (nn.MaxPool2d(2), (3, 8, 8), 1.0),
        (nn.MaxPool2d(3, 2), (3, 4, 4), 1.0),  # a single window: nothing overlaps on this input
        (nn.MaxPool2d(3, 2), (3, 5, 3), math.sqrt(2)),
        (nn.MaxPool1d(5, 1), (3, 100), math.sqrt(5)),
        (nn.MaxPool3d(3, 2), (1, 7, 7, 7), math.sqrt(8)),
        (nn.AdaptiveMaxPool2d(3), (2, 6, 6), 1.0),
        (nn.AdaptiveMaxPool2d(6), (2, 13, 13), math.sqrt(4)),
        (nn.AdaptiveMaxPool1d(6), (2, 2), math.sqrt(3)),
        (nn.AvgPool2d(2), (3, 8, 8), 0.5),
        (nn.AvgPool2d(2, divisor_override=1), (3, 8, 8), 2.0),
        (nn.AvgPool2d(2, divisor_override=-1), (3, 8, 8), 2.0),
        (nn.AdaptiveAvgPool2d(1), (3, 5, 5), 0.2),
        (nn.AdaptiveAvgPool2d((None, 1)), (3, 5, 4), 0.5),
        (nn.LPPool2d(2, 2), (1, 8, 8), 1.0),
        (nn.LPPool2d(2, 5, 1), (8, 20, 20), 5.0),  # QuocNet's
        (nn.LPPool1d(1, 4), (1, 8), 2.0),
        (nn.LPPool1d(1.5, 4), (1, 8), 4 ** (1 / 1.5 - 0.5)),
        (nn.Unfold(3), (1, 9, 9), 3.0),
        (nn.ReplicationPad1d((2, 1)), (1, 4), math.sqrt(3)),
        (nn.ReplicationPad2d(1), (1, 4, 4), 2.0),
        (nn.ReflectionPad2d((1, 0, 0, 0)), (1, 3, 3), math.sqrt(2)),
        (nn.CircularPad1d(4), (1, 4), math.sqrt(3)),
        (nn.ZeroPad2d(3), (1, 4, 4), 1.0),
        (nn.ZeroPad2d((1, -1, 0, 0)), (1, 4, 1), 0.0),  # nothing but padding is left
        (nn.Upsample(scale_factor=3), (1, 4, 4), 3.0),
    ],
    ids=repr,
)
def test_constants_of_closed_form(layer, shape, constant):
    bound = layer_bound(layer, shape)
    assert bound.tight
    assert bound.upper == pytest.approx(constant, rel=1e-9)


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


@settings(max_examples=100, deadline=None)
@given(**WINDOWS)
def test_max_pooling_counts_the_windows_that_a_spike_wins(kernel, stride, padding, dilation, size, ceil):
    layer = nn.MaxPool1d(kernel, stride, padding, dilation, ceil_mode=ceil)
    assume(pools_on(layer, (size,)))
    won = (spikes(layer, (size,)) == 1).sum(dim=1)
    if torch.isinf(spikes(layer, (size,))).any():
        with pytest.raises(InputError, match="padding alone"):
            layer_bound(layer, (1, size))
    else:
        assert layer_bound(layer, (1, size)).upper == pytest.approx(math.sqrt(int(won.max())), rel=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    kernel=st.integers(1, 4),
    stride=st.one_of(st.none(), st.integers(1, 4)),
    size=st.integers(4, 9),
    ceil=st.booleans(),
    power=st.sampled_from([1, 1.3, 2, 2.5, 4]),
    seed=st.integers(0, 99),
)
def test_no_jacobian_of_pooling_by_a_norm_is_above_its_bound(kernel, stride, size, ceil, power, seed):
    layer = nn.LPPool2d(power, (kernel, 2), stride, ceil_mode=ceil)
    bound = layer_bound(layer, (1, size, 4))
    assert bound.tight or power == 1.3
    random = torch.Generator().manual_seed(seed)
    x = torch.rand(1, 1, size, 4, generator=random, dtype=torch.float64) ** 3 + 1e-3
    jacobian = jacrev(lambda values: layer(values).flatten())(x).flatten(1)
    assert float(torch.linalg.matrix_norm(jacobian, 2)) <= bound.upper * (1 + 1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(2, return_indices=True),
        nn.AdaptiveMaxPool2d(2, return_indices=True),
        nn.LPPool2d(3, 2),
        nn.LPPool2d(0.5, 2),
        nn.LPPool2d(math.inf, 2),
        nn.CircularPad2d((-1, 2, 0, 0)),
    ],
    ids=repr,
)
def test_what_nothing_bounds_has_no_rule(layer):
    with pytest.raises(NoRuleError, match=type(layer).__name__):
        layer_bound(layer, (1, 4, 4))
