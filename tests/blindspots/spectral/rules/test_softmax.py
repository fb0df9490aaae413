import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from blindspots.device import one_thread
from blindspots.spectral.rules.rules import NoRuleError, layer_bound


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():  # these are small: a second thread costs more than it saves, on a busy machine ten times over
        yield


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
