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


def test_a_class_twice_is_one_class():
    weight = torch.zeros(13, 3)
    weight[1:11, 0], weight[11, 1] = 1.0, 500.0  # the last is the label's own, of which the first is read
    bias = torch.cat([torch.zeros(1), torch.full((10,), -0.85), torch.tensor([-256.0, 0])])
    images = torch.full((1, 3), 0.5)
    alone, twice = model_of(weight[:-1], bias[:-1]), model_of(weight, bias)
    labels = torch.tensor([0])
    found, least = minimum_distortion(twice, images, labels), minimum_distortion(alone, images, labels)
    assert float(found.exact) == pytest.approx(float(least.exact), rel=1e-9)
    assert float(found.distortion) <= 1.001 * float(least.exact)
    towards = minimum_distortion(twice, images, labels, rule=12)
    assert not towards.success.any()
    assert towards.exact.tolist() == [torch.inf]


@pytest.mark.parametrize("weight", [[[0.0, 0], [0, 0], [0, 0]], [[1.0, 1], [-1, -1], [0.5, -3]]])
def test_classes_that_tie_for_good_are_never_read(weight):
    black = torch.zeros(1, 2)
    found = minimum_distortion(model_of(weight, [0.0, 0, 0]), black, torch.tensor([0]))
    assert not found.success.any()
    assert found.exact.tolist() == [torch.inf]
    assert found.reasons == {0: "no image in the box is read so: proved"}


def test_a_class_that_is_read_where_it_ties_on_the_border_of_the_box():
    # ties with class 1 along the border x = 1 alone, where the first of the two is read
    model = model_of([[1.0, 0.0], [0.0, 0.0]], [-1.0, 0.0])
    images = torch.tensor([[0.75, 0.5], [0.5, 0.25]])
    found = minimum_distortion(model, images, torch.tensor([1, 1]))
    assert found.success.all()
    assert found.l2.tolist() == pytest.approx([0.25, 0.5], rel=1e-3)
    assert (found.exact * 2**0.5).tolist() == pytest.approx([0.25, 0.5], rel=1e-9)


@pytest.mark.parametrize("scale", [1e-300, 1e-165, 1e155, 1e300])
def test_the_size_of_a_models_weights_changes_nothing(scale):
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 12, generator=random, dtype=torch.float64)
    images = torch.rand(6, 12, generator=random, dtype=torch.float64)
    model, other = (nn.Linear(12, 5, bias=False).double() for _ in range(2))
    with torch.no_grad():
        model.weight.copy_(weight)
        other.weight.copy_(scale * weight)
    labels = model(images).argmax(1)
    found, least = minimum_distortion(other, images, labels), minimum_distortion(model, images, labels)
    assert found.exact.tolist() == pytest.approx(least.exact.tolist(), rel=1e-12)
    assert (found.distortion <= 1.001 * found.exact).all()


@pytest.mark.parametrize("seed", range(6))
def test_nearest_of_small_whole_numbers_is_the_least_of_all_targets(seed):
    random = torch.Generator().manual_seed(seed)
    values, classes = 1 + seed % 3, 3 + seed % 4
    weight = torch.randint(-2, 3, (classes, values), generator=random).double()
    bias = torch.randint(-2, 3, (classes,), generator=random) / 4
    images = (torch.randint(0, 5, (6, values), generator=random) / 4).double()
    model = model_of(weight, bias).double()
    labels = model(images).argmax(1)
    found = minimum_distortion(model, images, labels)
    least = torch.full_like(found.distortion, torch.inf)
    for target in range(classes):
        towards = minimum_distortion(model, images, labels, rule=target)
        least = least.minimum(torch.where(towards.success & (labels != target), towards.distortion, torch.inf))
    nearest = torch.where(found.success, found.distortion, torch.inf)
    assert (nearest <= 1.002 * least + 1e-5).all()
    assert (found.exact <= least + 1e-6).all()
