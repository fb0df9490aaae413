from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork, sigmoid_network, slope
from tests.blindspots.spectral.proof.networks import drawn, images


def test_a_hyperbolic_tangent_is_a_sigmoid_in_disguise():
    model = drawn((5, 6, 4, 3), 2, activation=nn.Tanh)
    network = sigmoid_network(model)
    rows = images(9, 5, 2)
    torch.testing.assert_close(network.logits(network.hidden(rows), rows), model(rows), rtol=1e-12, atol=1e-12)


def test_what_is_a_sigmoid_network():
    first, last = nn.Linear(3, 4), nn.Linear(4, 2, bias=False)
    assert sigmoid_network([first, nn.Sigmoid(), last]) is not None
    assert not sigmoid_network([first, nn.Sigmoid(), last]).biases[1].any()
    assert sigmoid_network([first, nn.ReLU(), last]) is None
    assert sigmoid_network([first, nn.Sigmoid()]) is None
    assert sigmoid_network([nn.Sigmoid(), first]) is None
    assert sigmoid_network([first, last]) is None
    assert sigmoid_network([]) is None


def test_bounds_its_own_rounding():
    network = sigmoid_network(drawn((40, 30, 20, 5), 1, scale=4.0))
    rows = images(50, 40, 1)
    errors, gradient = network.rounding()
    lead = torch.tensor([[1.0, -1, 0, 0, 0]], dtype=torch.float64).expand(50, -1)
    # float64 against float64 in another order: twice the bound at most, and far from nothing
    weights = (network.weights[0].flip(1), *network.weights[1:])
    turned = SigmoidNetwork(weights, network.biases)
    one, other = network.hidden(rows), turned.hidden(rows.flip(1))
    for error, here, there in zip(errors, one, other, strict=False):
        assert ((here - there).abs() <= 2 * error).all()
    slopes = network.steepness(one, lead)[0] - turned.steepness(other, lead)[0].flip(1)
    assert (slopes.norm(dim=1) <= 2 * gradient).all()
    assert gradient < 1e-9
    assert all(float(error.min()) > 0 and float(error.max()) < 1e-10 for error in errors)


def network(sizes, seed, scale=1.0):
    random = torch.Generator().manual_seed(seed)
    weights = [
        scale * torch.randn(outputs, inputs, generator=random, dtype=torch.float64)
        for inputs, outputs in pairwise(sizes)
    ]
    return SigmoidNetwork(tuple(weights), tuple(torch.zeros(len(weight)).double() for weight in weights))


def test_the_gradients_and_slopes():
    made = network((4, 5, 3, 2), 7)
    rows = torch.rand(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    lead = torch.tensor([[1.0, -2]]).double().expand(6, -1)
    value = (made.logits(made.hidden(rows), rows) * lead).sum()
    (expected,) = torch.autograd.grad(value, rows)
    torch.testing.assert_close(made.steepness(made.hidden(rows), lead)[0], expected)
    assert slope(torch.zeros(1)).item() == 0.25
    assert nn.Sigmoid()(torch.zeros(1)).item() == 0.5


def test_the_bias_that_tangents_are_merged_into_is_off_by_no_more_than_is_counted():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 500), nn.Tanh(), nn.Linear(500, 400), nn.Tanh(), nn.Linear(400, 2)).double()
    with torch.no_grad():
        for layer in (model[2], model[4]):  # a sum that all but cancels: its bias is all rounding
            layer.weight.copy_(torch.randn(layer.weight.shape, dtype=torch.float64))
            layer.bias.copy_(layer.weight.sum(dim=1))
    found = sigmoid_network(model)
    for place, layer in ((1, model[2]), (2, model[4])):
        weight, bias = (part.detach().numpy().astype(np.longdouble) for part in (layer.weight, layer.bias))
        exact = (2 if place == 1 else 1) * (bias - weight.sum(axis=1))
        off = np.abs(found.biases[place].numpy() - exact).astype(np.float64)
        assert (off <= found.merged[place].numpy()).all()
        assert off.max() > 0
        assert (found.rounding()[0][place] >= found.merged[place]).all()
    assert sigmoid_network([nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2)]).merged == {}


@pytest.mark.parametrize(
    ("function", "exact"), [(torch.sigmoid, lambda z: 1 / (1 + np.exp(-z))), (torch.tanh, np.tanh)]
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_sigmoids_are_off_by_half_of_the_units_allowed(function, exact, dtype):
    points = torch.cat([torch.linspace(-30, 30, 40001, dtype=torch.float64), torch.logspace(-8, 1, 2000).double()])
    points = points.to(dtype)
    off = np.abs(function(points).numpy().astype(np.longdouble) - exact(points.numpy().astype(np.longdouble)))
    assert float(off.max()) <= 4 * torch.finfo(dtype).eps / 2
