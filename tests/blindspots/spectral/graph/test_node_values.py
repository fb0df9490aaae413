import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blindspots.errors import InputError
from blindspots.spectral.network import network_bounds
from tests.blindspots.spectral.graph.models import BUFFER, FIRST, Does


def aliased(m, x):
    y = m.a(x)
    z = y
    y += 1 + 0 * y
    return y + z


def overwritten(m, x):
    y = m.a(x)
    return F.relu(y, inplace=True) + y


def overwritten_in_part(m, x):
    y = m.a(x)
    return m.r(y[:, :2]) + y[:, 2:]


def overwritten_view(m, x):
    y = m.a(x)
    return y.view(-1, 4).mul_(3) + y


def hooked():
    model = nn.Sequential(FIRST, nn.Sequential(nn.ReLU()))
    model = copy.deepcopy(model)
    model[1].register_forward_hook(lambda module, inputs, output: 2 * output)
    return model


REFUSED = {
    "a choice": (Does(lambda m, x: x if x.sum() > 0 else m.a(x), a=FIRST), (4,), "torch.fx can't follow"),
    "a choice inside": (
        nn.Sequential(nn.ReLU(), Does(lambda m, x: x if x.max() > 0 else -x)),
        (4,),
        r"can't follow the forward pass of '1' \(Does\)",
    ),
    "hooks": (hooked(), (4,), "1 has forward hooks"),
    "a shape that does not fit": (nn.Sequential(FIRST), (5,), r"takes no input of shape \(5,\): 0"),
    "no shape": (nn.Sequential(FIRST), (), r"input_shape \(\)"),
    "a number that is none": (nn.Sequential(FIRST), (0,), r"input_shape \(0,\)"),
    "no model": (lambda x: x, (4,), "the model is a function"),
    "two outputs": (Does(lambda m, x: (m.a(x), x), a=FIRST), (4,), "returns a tuple"),
    "a value overwritten": (Does(overwritten, a=FIRST), (4,), "in place"),
    "a part of a value overwritten": (Does(overwritten_in_part, a=FIRST, r=nn.ELU(9.0, True)), (4,), "in place"),
    "a view overwritten": (Does(overwritten_view, a=FIRST), (4,), "in place"),
    "a buffer overwritten": (Does(lambda m, x: m.c.add_(1) + x, c=BUFFER.clone()), (4,), "tensor of the model itself"),
    "drawn numbers": (Does(lambda m, x: x + torch.randn(4)), (4,), "random"),
    "noise like the input": (Does(lambda m, x: x + torch.randn_like(x)), (4,), "random"),
    "under another name": (Does(aliased, a=FIRST), (4,), "in place, which 'a' hands on"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_it_cannot_take_apart(name):
    model, shape, match = REFUSED[name]
    with pytest.raises(InputError, match=match):
        network_bounds(model, shape)


class Two(nn.Module):
    def forward(self, x, y):
        return x + y


def test_refuses_two_inputs_and_numbers_that_are_not_finite():
    with pytest.raises(InputError, match="'y' beside its input"):
        network_bounds(Two(), (4,))
    broken = copy.deepcopy(FIRST)
    broken.weight.data[0, 0] = math.nan
    with pytest.raises(InputError, match=r"finite|NaN"):
        network_bounds(nn.Sequential(broken), (4,))
