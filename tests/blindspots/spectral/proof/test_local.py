import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from blindspots.distortion.search import minimum_distortion
from blindspots.spectral.proof.local import local_radius
from blindspots.spectral.proof.sigmoid_network import sigmoid_network
from tests.blindspots.spectral.proof.networks import DEPTHS, around, drawn, images


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10**6),
    depth=DEPTHS,
    scale=st.sampled_from([0.5, 2.0, 5.0]),
    activation=st.sampled_from([nn.Sigmoid, nn.Tanh]),
)
def test_nothing_is_misread_within_the_radius(seed, depth, scale, activation):
    model = drawn((6, *depth, 4), seed, scale=scale, activation=activation)
    clean = images(5, 6, seed)
    labels = model(clean).argmax(dim=1)
    radii = local_radius(sigmoid_network(model), clean, labels)
    assert (radii > 0).all()
    found = minimum_distortion(model, clean, labels)
    assert (radii <= found.l2)[found.success].all()
    for image, label, radius in zip(clean, labels, radii, strict=True):
        assert (model(around(image, float(radius), seed)).argmax(dim=1) == label).all()


@pytest.mark.parametrize(("depth", "scale"), [((), 3.0), ((10,), 2.5), ((10, 8), 3.0)])
def test_is_the_distance_itself_where_the_boundary_bends_little(depth, scale):
    model = drawn((12, *depth, 4), 5, scale=scale)
    clean = images(40, 12, 5)
    labels = model(clean).argmax(dim=1)
    found = minimum_distortion(model, clean, labels)
    least = torch.where(found.exact.isnan(), found.distortion, found.exact) * 12**0.5
    ratio = (local_radius(sigmoid_network(model), clean, labels) / least)[found.success]
    assert len(ratio) > 35
    assert ratio.max() <= 1
    assert ratio.mean() > (0.9999 if not depth else 0.97)
    assert (ratio > 0.9999).double().mean() > 0.75


def test_a_linear_network_by_hand():
    model = nn.Linear(2, 2).double()
    model.load_state_dict({"weight": torch.tensor([[3.0, 4], [0, 0]]), "bias": torch.tensor([-2.5, 0])})
    network = sigmoid_network([model])
    clean = torch.tensor([[0.5, 0.5], [0.1, 0.7], [0.7, 0.0]], dtype=torch.float64)
    # 0.2 along the normal; the second one is 0.12 on the one side; the third is misread
    radii = local_radius(network, clean, torch.tensor([0, 0, 0]))
    assert radii.tolist() == pytest.approx([0.2, 0.12, 0], rel=1e-5)
    # a value at the border moves one way alone: (1, 0.1) to (1 - 0.3 / 3, 0) would leave the box
    model.load_state_dict({"weight": torch.tensor([[4.0, 3], [0, 0]]), "bias": torch.tensor([-1.0, 0])})
    corner = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert local_radius(sigmoid_network([model]), corner, torch.tensor([0])).tolist() == pytest.approx([0.75], rel=1e-5)


def test_one_hidden_unit_by_hand():
    # s(8 z - 4) > 0.8 where z > (4 + log 4) / 8, whatever the sigmoid does on the way there
    first, last = nn.Linear(2, 1).double(), nn.Linear(1, 2).double()
    first.load_state_dict({"weight": torch.tensor([[4.8, 6.4]]), "bias": torch.tensor([-4.0])})
    last.load_state_dict({"weight": torch.tensor([[-1.0], [0]]), "bias": torch.tensor([0.8, 0])})
    network = sigmoid_network([first, nn.Sigmoid(), last])
    clean = torch.tensor([[0.5, 0.25]], dtype=torch.float64)
    radius = float(local_radius(network, clean, torch.tensor([0])))
    exact = (4 + math.log(4)) / 8 - 0.5
    assert radius == pytest.approx(exact, rel=1e-5)
    assert radius < exact


def test_a_network_that_never_misreads_is_proved_for_the_whole_box():
    model = drawn((4, 5, 3), 0)
    with torch.no_grad():
        model[-1].weight.zero_()
        model[-1].bias.copy_(torch.tensor([2.0, 1, 0]))
    clean = images(3, 4, 0)
    radii = local_radius(sigmoid_network(model), clean, torch.tensor([0, 0, 1]))
    assert radii.tolist() == pytest.approx([2, 2, 0], rel=1e-5)


def test_is_the_same_in_parts(monkeypatch):
    model = drawn((6, 7, 5, 4), 3)
    clean = images(7, 6, 3)
    labels = model(clean).argmax(dim=1)
    whole = local_radius(sigmoid_network(model), clean, labels)
    monkeypatch.setattr("blindspots.spectral.proof.local._IMAGES", 2)
    torch.testing.assert_close(local_radius(sigmoid_network(model), clean, labels), whole, rtol=1e-4, atol=0)
