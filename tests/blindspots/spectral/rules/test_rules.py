import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from blindspots.device import one_thread
from blindspots.errors import InputError
from blindspots.networks.contrast_normalisation import ContrastNormalisation
from blindspots.spectral import RULES, Bound, NoRuleError, layer_bound, linear_norm, network_bounds


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():  # these are small: a second thread costs more than it saves, on a busy machine ten times over
        yield


class Doubled(nn.ReLU):
    def forward(self, x):
        return 2 * x


@pytest.mark.parametrize(
    "layer",
    [
        nn.Bilinear(3, 3, 3),
        nn.GLU(),
        nn.FractionalMaxPool2d(2, output_ratio=0.5),
        nn.MaxUnpool2d(2),
        nn.CosineSimilarity(),
        nn.LSTM(3, 3),
        nn.Embedding(3, 3),
        nn.Sequential(nn.ReLU()),
        Doubled(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_the_unknown_has_no_rule_and_is_named(layer):
    with pytest.raises(NoRuleError, match=rf"{type(layer).__name__} has no rule.*unknown"):
        layer_bound(layer, (4, 4, 4))
    assert issubclass(NoRuleError, InputError)


def test_hooks_and_a_forward_pass_of_its_own_have_no_rule():
    layer = nn.ReLU()
    for register in (layer.register_forward_hook, layer.register_forward_pre_hook):
        handle = register(lambda *_: None)
        with pytest.raises(NoRuleError, match="ReLU has hooks"):
            layer_bound(layer, (3,))
        handle.remove()
    assert layer_bound(layer, (3,)).upper == 1
    layer.forward = lambda x: 2 * x
    with pytest.raises(NoRuleError, match="forward pass of its own"):
        layer_bound(layer, (3,))
    convolution = nn.Conv1d(1, 1, 1)
    convolution._conv_forward = lambda inputs, weight, bias: 2 * inputs
    with pytest.raises(NoRuleError, match="method '_conv_forward' of its own"):
        layer_bound(convolution, (1, 3))


@pytest.mark.parametrize("shape", [(), (0,), (3, -1), (2.5,), (True,)])
def test_a_shape_is_positive_whole_numbers(shape):
    with pytest.raises(InputError, match="input_shape"):
        layer_bound(nn.ReLU(), shape)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(4, 2), (4, 3)),
        (nn.Conv2d(2, 3, 3), (3, 8, 8)),
        (nn.Conv2d(2, 3, 3), (2, 8)),
        (nn.Conv2d(2, 3, 3), (2, 2, 2)),
        (nn.ConvTranspose2d(2, 3, 3), (3, 8, 8)),
        (nn.ConvTranspose1d(2, 3, 3), (2,)),
        (nn.PReLU(3), (2, 3)),
        (nn.Softmax(2), (3,)),
        (nn.Softmax(), (3,)),
        (nn.Softmax2d(), (3, 3)),
        (nn.MaxPool2d(3), (1, 2, 2)),
        (nn.MaxPool2d(3), (4, 4)),
        (nn.MaxPool2d(2, padding=1, dilation=2), (1, 1, 1)),
        (nn.MaxPool1d(3, padding=2), (1, 9)),
        (nn.AvgPool1d(2), (4,)),
        (nn.AvgPool2d(3, padding=2), (1, 9, 9)),
        (nn.AdaptiveAvgPool2d(2), (4, 4)),
        (nn.AdaptiveMaxPool1d(2), (4,)),
        (nn.LPPool2d(2, 3), (1, 2, 2)),
        (nn.BatchNorm1d(3), (4,)),
        (nn.BatchNorm2d(3), (3, 4)),
        (nn.LayerNorm(3), (3, 4)),
        (nn.RMSNorm((2, 3)), (3,)),
        (nn.GroupNorm(2, 4), (6, 2)),
        (nn.InstanceNorm1d(3), (2, 4)),
        (nn.InstanceNorm2d(3), (3, 1, 1)),
        (nn.LocalResponseNorm(3), (4,)),
        (ContrastNormalisation(groups=2), (3, 2)),
        (nn.Flatten(5), (3, 4)),
        (nn.Unflatten(1, (2, 3)), (4,)),
        (nn.PixelShuffle(2), (3, 2, 2)),
        (nn.PixelUnshuffle(2), (1, 3, 3)),
        (nn.ChannelShuffle(2), (3, 2, 2)),
        (nn.ZeroPad2d(-3), (1, 4, 4)),
        (nn.ReflectionPad1d(4), (1, 3)),
        (nn.ReplicationPad2d(1), (3, 3)),
        (nn.Unfold(5), (1, 3, 3)),
        (nn.Upsample(scale_factor=2), (3,)),
        (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 3)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_an_input_that_does_not_fit_is_refused(layer, shape):
    with pytest.raises(InputError) as error:
        layer_bound(layer, shape)
    assert not isinstance(error.value, NoRuleError)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("layer", "shape", "name"),
    [
        (nn.Linear(2, 2), (2,), "weight"),
        (nn.Conv2d(1, 2, 3), (1, 4, 4), "weight"),
        (nn.ConvTranspose2d(1, 2, 3), (1, 4, 4), "weight"),
        (nn.PReLU(), (2,), "weight"),
        (nn.BatchNorm1d(2), (2,), "running_var"),
        (nn.BatchNorm1d(2), (2,), "weight"),
        (nn.LayerNorm(2), (2,), "weight"),
        (nn.GroupNorm(1, 2), (2,), "weight"),
        (nn.InstanceNorm1d(2, affine=True), (2, 3), "weight"),
        (nn.RMSNorm(2), (2,), "weight"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(layer, shape, name, wrong):
    layer = copy.deepcopy(layer)
    layer.state_dict()[name].flatten()[0] = wrong
    with pytest.raises(InputError):
        layer_bound(layer, shape)


def test_zero_weights_have_the_bound_zero():
    for layer, shape in [
        (nn.Linear(2, 3), (2,)),
        (nn.Conv2d(2, 3, 3), (2, 4, 4)),
        (nn.ConvTranspose1d(2, 3, 3), (2, 4)),
        (nn.BatchNorm1d(3), (3,)),
        (nn.LayerNorm(3), (3,)),
        (nn.GroupNorm(1, 3), (3, 2)),
        (nn.RMSNorm(3), (3,)),
    ]:
        nn.init.zeros_(layer.weight)
        bound = layer_bound(layer, shape)
        assert (bound.lower, bound.upper) == (0, 0)


def test_parametrised_weights_are_those_of_evaluation_mode_and_the_layer_is_left_as_it_was():
    torch.manual_seed(0)
    layer = parametrizations.spectral_norm(nn.Linear(6, 5)).train()
    stored = {name: value.clone() for name, value in layer.state_dict().items()}
    bound = layer_bound(layer, (6,))
    assert layer.training
    assert parametrize.is_parametrized(layer)
    assert all(torch.equal(value, stored[name]) for name, value in layer.state_dict().items())
    assert bound.upper == pytest.approx(linear_norm(layer.eval().weight).upper, rel=1e-12)


def test_a_layer_is_left_as_it_was():
    for layer, shape in [(nn.BatchNorm2d(3), (3, 4, 4)), (nn.Conv2d(3, 2, 3), (3, 4, 4)), (nn.Linear(3, 2), (3,))]:
        layer.half().train()
        before = copy.deepcopy(layer.state_dict())
        threads = torch.get_num_threads()
        layer_bound(layer, shape)
        assert layer.training
        assert threads == torch.get_num_threads()
        assert all(parameter.grad is None and parameter.requires_grad for parameter in layer.parameters())
        assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


class Halving(nn.Module):
    """Halves what comes in, in a way that no walk along it could follow."""

    def forward(self, x):
        return x / 2 if float(x.detach().sum()) < torch.inf else x


def half(layer, input_shape):
    return Bound(0.5, 0.5, f"half of {input_shape}")


@pytest.fixture
def _with_halving():
    RULES.add(Halving, half)
    yield
    RULES.remove(Halving)


@pytest.mark.usefixtures("_with_halving")
def test_one_call_adds_a_rule_for_a_layer_of_ones_own():
    assert layer_bound(Halving(), (3,)).method == "half of (3,)"
    assert RULES[Halving] is half
    assert Halving in list(RULES)
    linear = nn.Linear(4, 2)
    found = network_bounds(nn.Sequential(Halving(), linear), (4,))
    assert found.kind.values.tolist() == ["Halving", "Linear"]
    assert found.attrs["product"] == pytest.approx(linear_norm(linear.weight).upper / 2)


def test_without_its_rule_the_layer_cannot_be_followed():
    with pytest.raises(InputError, match=r"as a module that \S+ has a rule for"):
        network_bounds(nn.Sequential(Halving(), nn.Linear(4, 2)), (4,))


@pytest.mark.usefixtures("_with_halving")
def test_a_kind_has_one_rule():
    before = len(RULES)
    assert RULES.add(Halving, half) is half  # a module that is loaded twice
    with pytest.raises(ValueError, match=r"there is a rule for \S*Halving already"):
        RULES.add(Halving, lambda layer, input_shape: Bound(1.0, 1.0, "another"))
    with pytest.raises(ValueError, match="there is a rule for Linear already"):
        RULES.add(nn.Linear, half)
    assert len(RULES) == before
    with pytest.raises(NoRuleError, match="no rule"):
        layer_bound(type("Quartering", (Halving,), {})(), (3,))


@pytest.mark.parametrize("kind", [nn.ReLU(), int, "ReLU"])
def test_a_rule_is_for_a_class_of_modules(kind):
    with pytest.raises(TypeError, match=r"a rule is for a class of torch\.nn\.Module"):
        RULES.add(kind, half)


def test_rules_of_installed_extensions_are_known(monkeypatch):
    monkeypatch.setattr("blindspots.spectral.rules.rules.load_extensions", lambda: RULES.add(Halving, half))
    try:
        assert layer_bound(Halving(), (3,)).upper == 0.5
    finally:
        RULES.remove(Halving)


@pytest.mark.parametrize("kind", [nn.MaxPool2d, nn.AvgPool2d, partial(nn.LPPool2d, 2), nn.Unfold])
def test_sizes_may_be_numpys_integers(kind):
    assert layer_bound(kind(np.int64(2)), (1, 4, 4)) == layer_bound(kind(2), (1, 4, 4))


def test_a_dilation_may_be_set_to_one_number():
    layer = nn.Conv2d(1, 1, 3, padding="same", padding_mode="reflect")
    wanted = layer_bound(layer, (1, 6, 6))
    layer.dilation = 1
    assert layer_bound(layer, (1, 6, 6)).upper == pytest.approx(wanted.upper)
