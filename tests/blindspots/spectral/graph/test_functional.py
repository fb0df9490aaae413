import operator

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blindspots.spectral.graph.functional import is_in_place, known_name, module_of
from blindspots.spectral.matrix.bound import NoRuleError
from tests.blindspots.spectral.graph.models import FIRST, Does, norm, product


def relu(x):
    """A function of the same name as torch's."""
    return -x


def test_a_function_is_known_by_what_it_is_and_not_by_its_name():
    assert known_name(F.relu) == "relu"
    assert known_name(operator.add) == "add"
    assert known_name("flatten") == "flatten"  # a tensor's method
    assert known_name(relu) is None
    assert known_name(torch.batch_norm) is None
    assert known_name(torch.instance_norm) is None


@pytest.mark.parametrize(
    ("name", "arguments", "settings", "changes"),
    [
        ("relu", (), {"inplace": True}, True),
        ("relu", (True,), {}, True),
        ("relu", (), {}, False),
        ("add_", (1,), {}, True),
        ("iadd", (1,), {}, True),
        ("__add__", (1,), {}, False),
        ("clamp", (True,), {}, False),
    ],
)
def test_what_overwrites_its_input(name, arguments, settings, changes):
    assert is_in_place(name, arguments, settings) == changes


def test_a_call_is_a_module_with_its_settings():
    found = module_of("leaky_relu_", (4,), (0.3, True), {})
    assert isinstance(found, nn.LeakyReLU)
    assert found.negative_slope == 0.3
    assert not found.inplace  # what it overwrites is the walk's to know
    pooled = module_of("max_pool2d", (1, 4, 4), (2,), {"stride": 1})
    assert isinstance(pooled, nn.MaxPool2d)
    assert (pooled.kernel_size, pooled.stride) == (2, 1)
    normed = module_of("group_norm", (6, 3), (2,), {})
    assert isinstance(normed, nn.GroupNorm)
    assert (normed.num_groups, normed.num_channels) == (2, 6)
    assert module_of("cumsum", (4,), (0,), {}) is None


def test_a_call_that_no_module_does_is_refused():
    with pytest.raises(NoRuleError, match="training=True"):
        module_of("dropout", (4,), (0.5,), {})
    with pytest.raises(TypeError):
        module_of("softplus", (4,), (1, 2, 3, 4), {})


def test_functions_of_which_the_name_is_another_ones():
    image = (1, 4, 4)
    patches = Does(lambda m, x: F.unfold(x, 3, padding=1).flatten(1))
    assert product(patches, image) == pytest.approx(product(nn.Unfold(3, padding=1), image))
    assert product(Does(lambda m, x: x.unfold(1, 2, 1).flatten(1))) == pytest.approx(2**0.5)
    assert product(Does(lambda m, x: F.threshold(x, 0.1, 0.1))) == product(nn.Threshold(0.1, 0.1))
    assert product(Does(lambda m, x: F.threshold(m.a(x), 0.1, 0.1, inplace=True), a=FIRST)) == pytest.approx(
        norm(FIRST)
    )
