import pickle

import pytest
import torch
from torch import nn

from blindspots.networks.convolutional import Convolutional
from blindspots.networks.fully_connected import FullyConnected
from blindspots.spectral.graph.graph import trace
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.network import assemble, bound_layer, network_bounds
from tests.blindspots.spectral.graph.models import product


def test_the_data_set():
    model = Convolutional((1, 8, 8), (2, 3), (5,), 4)
    found = network_bounds(model, (1, 8, 8))
    assert found.sizes == {"layer": 8}
    assert found.kind.values.tolist() == ["Conv2d", "ReLU", "Conv2d", "ReLU", "Flatten", "Linear", "ReLU", "Linear"]
    assert found.input_shape.values[0] == "1x8x8"
    assert found.output_shape.values.tolist()[-1] == "4"
    assert (found.lower <= found.upper).all()
    assert found.running.values == pytest.approx(found.upper.cumprod().values)
    assert float(found.running[-1]) == pytest.approx(found.attrs["product"])
    assert found.folded.isnull().all()
    assert found.attrs["units"] == "logit per unit of the input's Euclidean norm"
    assert found.attrs["input_shape"] == "1x8x8"
    assert all(variable.attrs["long_name"] for variable in found.variables.values())
    assert set(found.attrs) >= {"blindspots", "torch"}
    one_by_one = trace(model, (1, 8, 8))
    bounds = [bound_layer(pickle.loads(pickle.dumps(layer))) for layer in one_by_one.layers]
    assert assemble(one_by_one, bounds).identical(found)


def test_the_fully_connected_network():
    model = FullyConnected((12, 5, 3))
    first, second = (float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) for layer in model.linears)
    assert product(model, (1, 3, 4)) == pytest.approx(first / 4 * second, rel=1e-6)


def test_names_the_layer_without_a_rule():
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.Hardshrink()))
    with pytest.raises(NoRuleError, match=r"layer '1\.1' \(Hardshrink\)"):
        network_bounds(model, (4,))


def test_a_layer_without_weights_alone():
    assert product(nn.MaxPool2d(3, 2), (1, 7, 7)) == pytest.approx(2)
    assert product(nn.Sequential(), (4,)) == 1
    assert product(nn.Sequential(nn.Linear(4, 4), nn.Identity()).requires_grad_(False), (4,)) > 0
