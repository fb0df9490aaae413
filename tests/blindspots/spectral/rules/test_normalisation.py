import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import jacrev

from blindspots.device import one_thread
from blindspots.errors import InputError
from blindspots.networks.contrast_normalisation import ContrastNormalisation
from blindspots.spectral.rules.rules import NoRuleError, layer_bound


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():  # these are small: a second thread costs more than it saves, on a busy machine ten times over
        yield


NUMBERS = st.floats(-10, 10).map(lambda value: round(value, 3))


def with_weight(layer, values, variances=None):
    layer.weight.data = torch.tensor(values)
    if variances is not None:
        layer.running_var = torch.tensor(variances)
    return layer


def jacobian_norm(layer, x):
    jacobian = jacrev(lambda values: layer(values[None]).flatten())(x).flatten(1)
    return float(torch.linalg.matrix_norm(jacobian, 2))


@pytest.mark.parametrize(
    ("layer", "shape", "constant"),
    [
        (with_weight(nn.BatchNorm1d(2, eps=0.0), [3.0, -4.0], [9.0, 1.0]), (2,), 4.0),
        (with_weight(nn.BatchNorm2d(2, eps=1.0), [3.0, -4.0], [0.0, 3.0]), (2, 5, 5), 3.0),
        (nn.BatchNorm3d(2, eps=3.0, affine=False), (2, 3, 3, 3), 0.5),
        (nn.LayerNorm(4, eps=0.25), (4,), 2.0),
        (with_weight(nn.LayerNorm(2, eps=1.0), [3.0, 1.0]), (2,), math.sqrt(5)),  # (9 + 1) / 2
        (nn.LayerNorm(1), (3, 1), 0.0),  # the mean of one value is the value
        (with_weight(nn.GroupNorm(2, 4, eps=1.0), [3.0, 1.0, 1.0, 1.0]), (4,), math.sqrt(5)),
        (with_weight(nn.GroupNorm(2, 4, eps=1.0), [3.0, 1.0, 1.0, 1.0]), (4, 2), 3.0),
        (nn.InstanceNorm2d(3, eps=0.25), (3, 2, 2), 2.0),
        (nn.InstanceNorm1d(3, eps=3.0, track_running_stats=True), (3, 1), 0.5),
        (with_weight(nn.RMSNorm(2, eps=0.25), [-3.0, 1.0]), (2,), 6.0),
        (nn.RMSNorm(3), (3,), 2.0**11.5),  # float32's own eps is 2^-23
        (nn.RMSNorm(3).half(), (3,), 2.0**11.5),
        (nn.RMSNorm(3).double(), (3,), 2.0**26),
        (ContrastNormalisation(4.0, 0.5), (3, 4, 4), 0.5),
        (ContrastNormalisation(0.25, 1.0, groups=3), (3, 4, 4), 4.0),
        (ContrastNormalisation(0.25, 0.0), (3,), 1.0),
        (nn.LocalResponseNorm(5, k=2.0, alpha=0.0), (96, 3, 3), 2**-0.75),
        (nn.LocalResponseNorm(5, k=2.0, beta=0.0), (96, 3, 3), 1.0),
        (nn.LocalResponseNorm(1, k=2.0), (96, 3), 2**-0.75),
        (nn.LocalResponseNorm(9, k=2.0), (5, 3), 2**-0.75),
    ],
    ids=repr,
)
def test_constants_of_closed_form(layer, shape, constant):
    bound = layer_bound(layer, shape)
    assert bound.tight
    assert bound.upper == pytest.approx(constant, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(NUMBERS, min_size=12, max_size=12),
    weight=st.lists(NUMBERS, min_size=12, max_size=12),
    scale=st.sampled_from([1e-4, 1e-2, 1.0]),
    eps=st.sampled_from([1e-5, 0.1, 3.0]),
)
def test_no_jacobian_is_above_its_bound(values, weight, scale, eps):
    x = scale * torch.tensor(values, dtype=torch.float64)
    for layer, shape in [
        (nn.LayerNorm(12, eps=eps), (12,)),
        (nn.LayerNorm(3, eps=eps), (4, 3)),
        (nn.GroupNorm(3, 12, eps=eps), (12,)),
        (nn.GroupNorm(2, 4, eps=eps), (4, 3)),
        (nn.InstanceNorm1d(4, eps=eps, affine=True), (4, 3)),
        (nn.RMSNorm(12, eps=eps), (12,)),
    ]:
        layer = layer.double().eval().requires_grad_(False)
        layer.weight.data = torch.tensor(weight[: len(layer.weight)], dtype=torch.float64)
        assert jacobian_norm(layer, x.view(shape)) <= layer_bound(layer, shape).upper * (1 + 1e-9)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm2d(3, track_running_stats=False), (3, 4, 4)),
        (nn.LayerNorm(3, eps=0.0), (3,)),
        (nn.GroupNorm(1, 3, eps=0.0), (3, 2)),
        (nn.InstanceNorm1d(3, eps=0.0), (3, 2)),
        (nn.RMSNorm(3, eps=-1.0), (3,)),
        (nn.LocalResponseNorm(3, k=0.0), (4, 2)),
        (nn.LocalResponseNorm(3, alpha=-1.0), (4, 2)),
        (nn.LocalResponseNorm(3, beta=-0.5), (4, 2)),
    ],
    ids=repr,
)
def test_what_nothing_bounds_has_no_rule(layer, shape):
    with pytest.raises(NoRuleError, match=type(layer).__name__):
        layer_bound(layer, shape)


def test_a_variance_below_zero_is_refused():
    with pytest.raises(InputError, match=r"running_var \+ eps is -1"):
        layer_bound(with_weight(nn.BatchNorm1d(1, eps=1.0), [1.0], [-2.0]), (1,))


def test_flags_and_statistics_that_were_changed_count_as_the_layer_runs():
    inputs = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    norm = nn.InstanceNorm1d(3, eps=0.25, track_running_stats=True).double().eval()
    norm.running_var.fill_(16.0)
    assert layer_bound(norm, (3, 4)).upper == pytest.approx(1 / math.sqrt(16.25))
    norm.track_running_stats = False  # torch takes the input's own now, though the others are there
    assert layer_bound(norm, (3, 4)).upper == 2.0 * (1 + 8 * 2.0**-52)
    torch.testing.assert_close(norm(inputs), nn.InstanceNorm1d(3, eps=0.25).double()(inputs))
    norm.track_running_stats, norm.running_var = True, None
    with pytest.raises(InputError, match="has none"):
        layer_bound(norm, (3, 4))
    batch = nn.BatchNorm1d(3, eps=0.0).double().eval()
    batch.running_var.fill_(4.0)
    batch.track_running_stats, batch.momentum = False, None  # torch goes on by those that are there
    assert layer_bound(batch, (3, 4)).upper == pytest.approx(0.5)
    torch.testing.assert_close(batch(inputs), inputs / 2)
    batch.running_mean = None
    with pytest.raises(NoRuleError, match="without running statistics"):
        layer_bound(batch, (3, 4))


def test_a_constant_that_underflows_is_not_0():
    tiny = with_weight(nn.BatchNorm1d(1, eps=0.0).double(), [1.0], [1.0])
    tiny.weight.data = torch.tensor([1e-300], dtype=torch.float64)
    tiny.running_var = torch.tensor([1e40], dtype=torch.float64)
    assert layer_bound(tiny, (1,)).upper >= 1e-320
    tiny.running_var = torch.tensor([1e200], dtype=torch.float64)
    assert layer_bound(tiny, (1,)).upper > 0
    tiny.weight.data.zero_()
    assert layer_bound(tiny, (1,)).upper == 0
    assert layer_bound(ContrastNormalisation(1e10, 40.0), (3,)).upper > 0
    with pytest.raises(NoRuleError, match="exceeds the largest float64"):
        layer_bound(ContrastNormalisation(1e-10, 40.0), (3,))
