import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.network import network_bounds
from tests.blindspots.spectral.graph.models import FIRST, SECOND, Does, norm, product

UNKNOWN = {
    "a product of two values": lambda m, x: m.a(x) * m.b(x),
    "a quotient": lambda m, x: 1 / m.a(x),
    "a quotient of two values": lambda m, x: m.a(x) / (1 + m.b(x).abs()),
    "a power": lambda m, x: m.a(x) ** 2,
    "a matrix product of two values": lambda m, x: torch.matmul(m.a(x)[:, None], m.b(x)[:, :, None])[:, :, 0],
    "a function without a rule": lambda m, x: F.normalize(m.a(x)),
    "attention": lambda m, x: F.scaled_dot_product_attention(m.a(x)[:, None], m.a(x)[:, None], m.a(x)[:, None])[:, 0],
    "a bound that depends on the input": lambda m, x: torch.clamp(m.a(x), max=m.b(x)),
    "and so does a lower one": lambda m, x: torch.clamp(m.a(x), m.b(x)),
    "the sum of a batch": lambda m, x: m.a(x)[:, :2, None].sum(0),
    "the place of the largest": lambda m, x: m.a(x).argmax(1).double()[:, None],
    "other images of the batch": lambda m, x: m.a(x).flip(0),
    "the mean of the batch": lambda m, x: m.a(x) - m.a(x).mean(0, keepdim=True),
    "the batch by its own statistics": lambda m, x: F.batch_norm(m.a(x), None, None, training=True),
    "all images in one row": lambda m, x: m.a(x).reshape(1, -1).expand(2, 8),
    "a softmax over the batch": lambda m, x: torch.softmax(m.a(x), 0),
    "a dropout that evaluation mode does not stop": lambda m, x: F.dropout(m.a(x), 0.0),
    "softmax without dim": lambda m, x: torch.special.softmax(m.a(x).pow(2), 1),
    "a layer of several inputs": lambda m, x: m.w(m.a(x), m.b(x)),
    "fewer bits": lambda m, x: m.a(x).half().double(),
    "fewer bits by another name": lambda m, x: m.a(x).to(torch.bfloat16).to(torch.float64),
    "fewer bits as another's": lambda m, x: m.a(x).type_as(torch.zeros(1)).double(),
    "float32 of float64": lambda m, x: m.a(x).float().double(),
    "fewer bits and another range": lambda m, x: m.a(x).bfloat16().half().double(),
    "whole numbers": lambda m, x: m.a(x).to(torch.uint8).double(),
    "yes and no": lambda m, x: m.a(x).bool().double(),
    "fewer bits on the way": lambda m, x: torch.softmax(m.a(x), 1, dtype=torch.float32).double(),
    "and in a sum": lambda m, x: m.a(x).sum(1, keepdim=True, dtype=torch.float32).double(),
    "bits read as another dtype's": lambda m, x: m.a(x).view(torch.float32).double(),
    "a choice by the input": lambda m, x: torch.where(m.a(x) > 0, m.a(x), m.b(x)),
    "torch's own batch norm": lambda m, x: torch.instance_norm(
        m.a(x)[:, None], None, None, None, None, True, 0.1, 1e-5, False
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_unknown_is_never_taken_for_1(name):
    model = Does(UNKNOWN[name], a=FIRST, b=SECOND, w=nn.Bilinear(4, 4, 3).double())
    with pytest.raises(NoRuleError, match=r"layer '.+' \(.+\): .+ unbounded=True"):
        network_bounds(model, (4,))
    found = network_bounds(model, (4,), unbounded=True)
    assert found.attrs["product"] == math.inf
    assert (found.lower.values[found.upper.values == math.inf] == 0).all()
    assert found.method.values[int(found.upper.values.argmax())].startswith("none: ")


def asserted(m, x):
    torch._assert(x.shape[1] == 5, "five are wanted")
    return m.a(x)


@pytest.mark.parametrize(
    ("forward", "what"),
    [(asserted, "five are wanted"), (lambda m, x: m.a(x) * (1 / (x.shape[1] - 4)), "division by zero")],
)
def test_whatever_a_pass_raises_is_one_line(forward, what):
    with pytest.raises(InputError, match=rf"takes no input of shape \(4,\): .*{what}") as refused:
        network_bounds(Does(forward, a=FIRST), (4,))
    assert "\n" not in str(refused.value)


def test_a_layer_may_be_given_its_input_by_name():
    assert product(Does(lambda m, x: m.a(input=x), a=FIRST)) == pytest.approx(norm(FIRST))


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), Does(lambda m, x: F.avg_pool2d(x, 2))])
def test_without_channels_there_is_no_rule(pool):
    """Torch takes the batch for the channels."""
    with pytest.raises(NoRuleError, match=r"shape \(4, 4\), without channels"):
        network_bounds(nn.Sequential(pool, nn.Flatten()), (4, 4))
