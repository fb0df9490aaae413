import math
import operator

import pytest
import torch
from torch.nn import functional as F

from blindspots.spectral.graph.arithmetic import check_cast
from blindspots.spectral.matrix.bound import NoRuleError
from tests.blindspots.spectral.graph.models import BUFFER, FIRST, SECOND, Does, norm, product

WIDE = torch.full((1, 9), -0.5, dtype=torch.float64)
CASES = {
    "layers in a row multiply": (lambda m, x: m.b(torch.relu(m.a(x))), lambda a, b: a * b),
    "a residual block is 1 + L": (lambda m, x: x + m.a(x), lambda a, b: 1 + a),
    "added in place under a new name": (lambda m, x: m.b(m.a(x).add_(1)), lambda a, b: a * b),
    "a difference": (lambda m, x: m.a(x) - m.b(x), lambda a, b: a + b),
    "a sum with a factor": (lambda m, x: torch.add(m.a(x), m.b(x), alpha=-2), lambda a, b: a + 2 * b),
    "twice the same": (lambda m, x: m.a(x) + m.a(x), lambda a, b: 2 * a),
    "one value twice": (lambda m, x: operator.add(*[m.a(x)] * 2), lambda a, b: 2 * a),
    "side by side": (lambda m, x: torch.cat([m.a(x), m.b(x)], dim=1), math.hypot),
    "side by side with a constant": (lambda m, x: torch.cat([m.a(x), m.c.expand(x.shape[0], 4)], 1), lambda a, b: a),
    "stacked": (lambda m, x: torch.stack((m.a(x), m.b(x)), 1), math.hypot),
    "the larger": (lambda m, x: torch.maximum(m.a(x), m.b(x)), math.hypot),
    "normalisation of the input": (lambda m, x: m.a((x - m.c) / 0.25), lambda a, b: 4 * a),
    "divided by a buffer": (lambda m, x: m.a(x) / m.c, lambda a, b: 2 * a),
    "times a buffer": (lambda m, x: m.c * m.a(x) + m.c, lambda a, b: 3 * a),
    "times a buffer, spread out": (lambda m, x: m.c * m.a(x)[:, :, None], lambda a, b: 6 * a),
    "plus a buffer, spread out": (lambda m, x: m.c + m.a(x)[:, :, None], lambda a, b: 2 * a),
    "expanded": (lambda m, x: m.a(x)[:, None].expand(-1, 9, -1), lambda a, b: 3 * a),
    "repeated": (lambda m, x: m.a(x).repeat(1, 4), lambda a, b: 2 * a),
    "indices twice": (lambda m, x: m.a(x)[:, [0, 1, 1]], lambda a, b: 2**0.5 * a),
    "taken apart and together": (lambda m, x: torch.cat(m.a(x).chunk(2, dim=1), 1), lambda a, b: a),
    "a piece": (lambda m, x: m.a(x).split(2, dim=1)[1], lambda a, b: a),
    "shapes": (lambda m, x: m.a(x.view(x.size(0), 2, -1).transpose(1, 2).reshape(x.shape[0], 4)), lambda a, b: a),
    "a mean": (lambda m, x: m.a(x).mean(1), lambda a, b: a / 2),
    "a sum over values": (lambda m, x: m.a(x).sum(dim=1, keepdim=True), lambda a, b: 2 * a),
    "the largest": (lambda m, x: m.a(x).amax(1), lambda a, b: a),
    "held between": (lambda m, x: m.a(x)[:, :1].clamp(min=m.w), lambda a, b: 3 * a),
    "held below": (lambda m, x: torch.clamp_max(m.a(x)[:, :1], m.w), lambda a, b: 3 * a),
    "the larger, spread out": (lambda m, x: torch.maximum(m.a(x)[:, :1], m.w), lambda a, b: 3 * a),
    "a difference, spread out": (lambda m, x: torch.sub(m.w, m.a(x)[:, :1], alpha=0.1), lambda a, b: 0.3 * a),
    "elementwise": (lambda m, x: -m.a(x).abs().clamp(0, 1).double(), lambda a, b: a),
    "a matrix that is no module": (lambda m, x: F.linear(m.a(x), m.b.weight) @ m.b.weight.T, lambda a, b: a * b * b),
    "a layer of a masked weight": (lambda m, x: F.linear(m.a(x), m.b.weight * 2), lambda a, b: a * 2 * b),
    "functions": (lambda m, x: F.softmax(torch.sigmoid(m.a(x)).sigmoid(), dim=1), lambda a, b: a / 32),
    "dropout": (lambda m, x: F.dropout(m.a(x), training=m.training), lambda a, b: a),
    "independent of the input": (lambda m, x: m.c * 2, lambda a, b: 0),
    "the input itself": (lambda m, x: x, lambda a, b: 1),
    "an unused layer": (lambda m, x: (m.a(x), m.b(x))[0], lambda a, b: a),
}


@pytest.mark.parametrize("name", CASES)
def test_of_what_is_between_layers(name):
    what, expected = CASES[name]
    model = Does(what, a=FIRST, b=SECOND, c=BUFFER, w=WIDE)
    assert product(model) == pytest.approx(expected(norm(FIRST), norm(SECOND)), rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_spread_farther(name):
    model = Does(CASES[name][0], a=FIRST, b=SECOND, c=BUFFER, w=WIDE).eval()
    at = torch.randn(1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x).flatten(), at).reshape(-1, 4)
    assert torch.linalg.matrix_norm(jacobian, 2) <= product(model)


@pytest.mark.parametrize(
    ("what", "true"),
    [
        (lambda m, x: x * 0.7, 0.7),
        (lambda m, x: x / 0.3, 1 / 0.3),
        (lambda m, x: 3 - x * 0.1, 0.1),
        (lambda m, x: torch.add(m.c, x, alpha=0.7), 0.7),
        (lambda m, x: x * 1e-50 * 1e20 * 1e30, 1.0),
        (lambda m, x: x * 1e-200 * 1e-200 * 1e200 * 1e200, 1.0),
        (lambda m, x: x / 1e160 / 1e160 * 1e300 * 1e20, 1.0),
        (lambda m, x: x * 1e200 * 1e200 * 1e-200 * 1e-200, 1.0),
    ],
)
def test_numbers_are_of_float64_and_a_product_that_underflows_is_not_0(what, true):
    found = product(Does(what, c=BUFFER))
    assert found >= true * (1 - 1e-15)
    assert found == math.inf or found <= true * (1 + 1e-7)


def test_of_a_number_that_float32_rounds_up_that_counts():
    half = torch.zeros(1)  # the model's dtype
    assert product(Does(lambda m, x: x * 0.1, c=half)) >= float(torch.tensor(0.1)) > 0.1
    assert product(Does(lambda m, x: x * 1e-50, c=half)) >= 1e-50


@pytest.mark.parametrize("number", [1e300, 0.0])
def test_a_factor_that_the_dtype_does_not_hold_is_refused(number):
    what = (lambda m, x: x * number) if number else (lambda m, x: x / number)
    with pytest.raises(NoRuleError, match="not finite"):
        product(Does(what, c=torch.zeros(1)))


def test_which_casts_round():
    for before, after in [("float16", "float32"), ("bfloat16", "float64"), ("float8_e5m2", "float16")]:
        check_cast(getattr(torch, before), getattr(torch, after))
        with pytest.raises(NoRuleError, match=f"from torch.{after} to torch.{before}"):
            check_cast(getattr(torch, after), getattr(torch, before))
    for before, after in [("float16", "bfloat16"), ("bfloat16", "float16")]:
        with pytest.raises(NoRuleError, match="fewer values"):
            check_cast(getattr(torch, before), getattr(torch, after))
