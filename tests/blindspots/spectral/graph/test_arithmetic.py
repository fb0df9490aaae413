import math
import operator

import pytest
import torch
from torch.nn import functional as F

from tests.blindspots.spectral.graph.models import BUFFER, FIRST, SECOND, Does, norm, product

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
    model = Does(what, a=FIRST, b=SECOND, c=BUFFER)
    assert product(model) == pytest.approx(expected(norm(FIRST), norm(SECOND)), rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_spread_farther(name):
    model = Does(CASES[name][0], a=FIRST, b=SECOND, c=BUFFER).eval()
    at = torch.randn(1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x).flatten(), at).reshape(-1, 4)
    assert torch.linalg.matrix_norm(jacobian, 2) <= product(model)
