import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from blindspots.device import one_thread
from blindspots.errors import InputError
from blindspots.spectral.rules.activations import ACTIVATIONS
from blindspots.spectral.rules.rules import NoRuleError, layer_bound


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():  # these are small: a second thread costs more than it saves, on a busy machine ten times over
        yield


@pytest.mark.parametrize(
    ("layer", "constant"),
    [
        (nn.Sigmoid(), 0.25),
        (nn.Hardsigmoid(), 1 / 6),
        (nn.Hardswish(), 1.5),
        (nn.LeakyReLU(0.2), 1.0),
        (nn.LeakyReLU(-3.0), 3.0),
        (nn.PReLU(init=-2.0), 2.0),
        (nn.RReLU(1.0, 2.0), 1.5),
        (nn.ELU(2.0), 2.0),
        (nn.ELU(0.1), 1.0),
        (nn.SELU(), 1.7580993408473766),
        (nn.GELU(), 1.1289041451851544),
        (nn.SiLU(), 1.0998393201288668),
        (nn.Mish(), 1.0884981612),
        (nn.GELU("tanh"), 1.1289930686),
        (nn.Hardtanh(-5.0, 5.0), 1.0),
    ],
    ids=repr,
)
def test_constants_of_closed_form(layer, constant):
    bound = layer_bound(layer, (3,))
    assert bound.tight
    assert bound.upper == pytest.approx(constant, rel=1e-10)


@pytest.mark.parametrize(
    "kind", [kind for kind in ACTIVATIONS if kind is not nn.Threshold], ids=lambda kind: kind.__name__
)
def test_no_slope_on_a_fine_grid_is_steeper(kind):
    layer = kind(0.0) if kind is nn.Hardshrink else kind()
    bound = layer_bound(layer, (3,))
    x = torch.linspace(-30, 30, 600_001, dtype=torch.float64)[:, None]
    values = layer.double().eval()(x).detach()
    slopes = (values.diff(dim=0) / x.diff(dim=0)).abs()
    assert float(slopes.max()) <= bound.upper * (1 + 1e-9)
    assert float(slopes.max()) >= bound.lower * (1 - 1e-3)


@pytest.mark.parametrize(
    "layer",
    [nn.Hardshrink(), nn.Threshold(0.1, 20), nn.CELU(-1.0), nn.Softplus(threshold=5), nn.Softplus(threshold=-1)],
    ids=repr,
)
def test_a_jump_or_an_endless_slope_has_no_rule(layer):
    with pytest.raises(NoRuleError, match=rf"{type(layer).__name__}.* no.* bound"):
        layer_bound(layer, (3,))


@pytest.mark.parametrize("layer", [nn.LeakyReLU(math.nan), nn.ELU(math.inf), nn.Softplus(beta=0.0)], ids=repr)
def test_numbers_that_define_no_function_are_refused(layer):
    with pytest.raises(InputError) as error:
        layer_bound(layer, (3,))
    assert not isinstance(error.value, NoRuleError)


def test_a_batch_is_not_a_row_of_a_softmax():
    with pytest.raises(NoRuleError, match="mixes the inputs of a batch"):
        layer_bound(nn.Softmax(0), (3,))
    with pytest.raises(NoRuleError, match="mixes the inputs of a batch"):
        layer_bound(nn.LogSoftmax(-2), (3,))


def test_softmax_of_one_value_is_constant():
    for layer in (nn.Softmax(1), nn.Softmin(1), nn.LogSoftmax(1), nn.Softmax2d()):
        assert layer_bound(layer, (1, 3, 3)).upper == 0
    assert layer_bound(nn.Softmax(-1), (1, 3, 3)).upper == 0.5


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(-30, 30), min_size=2, max_size=7))
def test_no_jacobian_of_a_softmax_is_above_its_bound(values):
    x = torch.tensor(values, dtype=torch.float64)
    for layer in (nn.Softmax(-1), nn.Softmin(-1), nn.LogSoftmax(-1)):
        jacobian = torch.autograd.functional.jacobian(layer, x)
        norm = float(torch.linalg.matrix_norm(jacobian, 2))
        assert norm <= layer_bound(layer, (len(values),)).upper * (1 + 1e-12)


@pytest.mark.parametrize("size", [2, 3, 10, 50])
def test_log_softmax_comes_as_near_its_bound_as_you_like(size):
    x = torch.zeros(size, dtype=torch.float64)
    x[0] = 50
    jacobian = torch.autograd.functional.jacobian(nn.LogSoftmax(-1), x)
    norm = float(torch.linalg.matrix_norm(jacobian, 2))
    assert layer_bound(nn.LogSoftmax(-1), (size,)).upper == pytest.approx(norm, rel=1e-12)
