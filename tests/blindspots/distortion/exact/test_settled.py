"""A linear model's nearest is exact: past the box, near the boundary, of many classes, towards targets."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from blindspots import minimum_distortion


def model_of(weight, bias):
    model = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        model.weight.copy_(torch.as_tensor(weight))
        model.bias.copy_(torch.as_tensor(bias))
    return model


def ratio(model, images, **settings_):
    labels = model(images).argmax(1)
    found = minimum_distortion(model, images, labels, **settings_)
    moved = torch.isfinite(found.exact) & (found.exact > 0)
    assert found.success[moved].all()
    return found.distortion[moved] / found.exact[moved]


def test_a_class_that_is_near_without_the_box_and_out_of_reach_inside():
    model = model_of([[0.0, 0.0], [1.0, 0.2], [0.0, -1.0]], [0.0, -1.2, 0.4])
    images = torch.tensor([[0.97, 0.5]])
    for method in ("auto", "projection"):
        assert float(ratio(model, images, method=method)) <= 1.001


def test_a_class_that_ranks_last_and_is_nearest():
    weight = torch.zeros(12, 3)
    weight[1:11, 0], weight[11, 1] = 1.0, 500.0
    bias = torch.cat([torch.zeros(1), torch.full((10,), -0.85), torch.tensor([-256.0])])
    assert float(ratio(model_of(weight, bias), torch.full((1, 3), 0.5))) <= 1.001


def test_an_image_that_all_but_lies_on_the_boundary():
    model = model_of([[1.0, 0.0], [-1.0, 0.0]], [-0.5, 0.5])
    assert float(ratio(model, torch.tensor([[0.50001, 0.3]]))) <= 1.02  # a rounding of the image is 0.003 of it
    near = torch.tensor([[0.5 + 1e-6, 0.3]])
    next_below = float(near[0, 0]) - (0.5 - 2.0**-25)  # at 0.5 itself the classes tie, which is read as class 0
    assert float(minimum_distortion(model, near, torch.tensor([0])).l2) == pytest.approx(next_below, rel=1e-9)
    model = model_of([[1.0, 0.0], [-1.0, 0.0]], [-0.5, 0.5]).double()
    assert float(ratio(model, torch.tensor([[0.5 + 1e-7, 0.3]], dtype=torch.float64))) <= 1.001


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6), classes=st.integers(2, 40), values=st.sampled_from([1, 2, 7, 40]), target=st.booleans()
)
@example(seed=236844, classes=39, values=7, target=True)  # past the end of the exact step another class leads
@example(seed=5253, classes=29, values=40, target=True)  # and so it does here, where a search has found what is far
def test_any_linear_model(seed, classes, values, target):
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(classes, values, generator=random) * torch.rand(classes, 1, generator=random).exp()
    model = model_of(weight, torch.randn(classes, generator=random))
    images = (1.6 * torch.rand(12, values, generator=random) - 0.3).clamp(0, 1)
    shares = ratio(model, images, rule=seed % classes if target else "nearest")
    far = shares[shares > 1.001]
    assert len(far) == 0 or (far < 1.05).all()
    assert len(far) <= 1  # so near the boundary that a rounding counts


@pytest.mark.parametrize("rule", ["nearest", 3])
def test_that_it_was_exact_is_said_where_the_search_fell_short(rule):
    random = torch.Generator().manual_seed(0)
    model = model_of(torch.randn(60, 30, generator=random), torch.zeros(60))
    images = torch.rand(60, 30, generator=random).round()
    labels = model(images).argmax(1)
    found = minimum_distortion(model, images, labels, rule=rule)
    assert (found.distortion[found.success] <= 1.001 * found.exact[found.success]).all()
    assert "exact" in found.found_by or rule == "nearest"
