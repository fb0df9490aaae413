import math

import pytest
import torch
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


def test_a_softplus_says_what_it_jumps_by():
    for layer, count in ((nn.Softplus(), 1), (nn.Softplus(beta=-2.0, threshold=16), 8)):
        found = layer_bound(layer, (count,))
        edge = torch.tensor(layer.threshold / layer.beta, dtype=torch.float64)
        values = layer(torch.stack([edge, torch.nextafter(edge, edge * 2)]))
        assert found.upper == 1
        assert found.jump == pytest.approx(float((values[0] - values[1]).abs()) * count**0.5, rel=1e-3)
        assert "a jump of" in found.method
    assert layer_bound(nn.ReLU(), (3,)).jump == 0
