import math

import pytest
import torch

from blindspots.spectral.convolution.geometry import conv_geometry
from blindspots.spectral.convolution.lag_kernel import lag_kernel, polyphase
from blindspots.spectral.convolution.lower import absolute_size, lower_bound, reached
from blindspots.spectral.convolution.operator import ConvOperator
from blindspots.spectral.convolution.peak import spectral_peak

PLAIN = {"stride": 1, "padding": 1, "dilation": 1, "padding_mode": "zeros"}


def operator_of(weight, *, size=(8, 8), groups=1):
    return ConvOperator(weight, conv_geometry(weight.shape[2:], size, groups=groups, **PLAIN))


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def norm(operator):
    return float(torch.linalg.matrix_norm(operator.dense(), 2).max())


@pytest.mark.parametrize("tolerance", [1e-3, 1e-7])
def test_is_reached_from_any_start_and_never_passed(tolerance):
    operator = operator_of(drawn(3, 2, 3, 3))
    kernel = polyphase(operator.weight, (1, 1), (1, 1), 1)
    found = reached(operator, drawn(3, 8, 8), absolute_size(kernel, operator), tolerance=tolerance)
    true = norm(operator)
    assert true * (1 - tolerance) <= found.lower <= true
    assert found.residual <= 2 * tolerance


def test_what_rounding_may_add_is_taken_off():
    operator = operator_of(drawn(3, 2, 3, 3))
    found = reached(operator, drawn(3, 8, 8), 1e12, tolerance=1e-7)  # as if absolute weights were enormous
    assert found.lower < norm(operator) - 1e-4


def test_the_group_that_stretches_most_is_found():
    weight = drawn(4, 1, 3, 3)
    weight[2:] *= 3
    operator = operator_of(weight, groups=2)
    kernel = polyphase(weight, (1, 1), (1, 1), 2)
    peak = spectral_peak(lag_kernel(kernel))
    found = lower_bound(operator, kernel, peak, extension=1.0, upper=math.inf, tolerance=1e-6)
    assert peak.group == 1
    assert norm(operator) * (1 - 1e-6) <= found.lower <= norm(operator)


def test_the_layer_of_absolute_weights_is_no_larger_than_said():
    operator = operator_of(drawn(3, 2, 3, 3))
    kernel = polyphase(operator.weight, (1, 1), (1, 1), 1)
    assert norm(ConvOperator(operator.weight.abs(), operator.geometry)) <= absolute_size(kernel, operator)
