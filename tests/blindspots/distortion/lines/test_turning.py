"""More starts than one: what each effort finds on networks that are linear in pieces, and in low dimensions."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from blindspots import InputError, distances_to_all, minimum_distortion
from blindspots.distortion.methods import Auto, method_of


def rough(values, width, classes, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Sequential(
            nn.Linear(values, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, classes)
        )
        with torch.no_grad():
            for parameter in layers.parameters():
                parameter.mul_(2.0)
        return layers.requires_grad_(False)


MODEL = rough(16, 24, 5, seed=0)
IMAGES = torch.rand(24, 16, generator=torch.Generator().manual_seed(1))
LABELS = MODEL(IMAGES).argmax(1)


def test_more_effort_finds_less_and_says_what_it_cost():
    found = [minimum_distortion(MODEL, IMAGES, LABELS, effort=effort) for effort in ("fast", "usual", "thorough")]
    for less, more in pairwise(found):
        assert (more.distortion <= less.distortion * 1.001).float().mean() > 0.95
        assert more.distortion.mean() < less.distortion.mean()
        assert (more.backwards > less.backwards).all()
    default = minimum_distortion(MODEL, IMAGES, LABELS)
    assert torch.equal(default.distortion, found[1].distortion)
    assert {name for each in found for name in each.found_by} >= {"projection", "cuts"}


def test_thorough_is_no_farther_than_the_least_of_all_classes():
    """It searches them as ``distances_to_all`` does, and one image that is misread from the start stays as it is."""
    some, labels = IMAGES[:8], LABELS[:8].clone()
    labels[3] = (labels[3] + 1) % 5
    least = distances_to_all(MODEL, some, labels).scatter(1, labels[:, None], torch.inf).amin(1)
    found = minimum_distortion(MODEL, some, labels, effort="thorough")
    assert (found.distortion <= least).all()
    assert found.distortion[3] == 0
    assert found.found_by[3] == "clean"


@pytest.mark.parametrize("method", ["lbfgs", "projection"])
def test_auto_is_never_worse_than_its_own_methods_towards_a_target(method):
    own = minimum_distortion(MODEL, IMAGES[:12], LABELS[:12], rule=2, method=method)
    auto = minimum_distortion(MODEL, IMAGES[:12], LABELS[:12], rule=2, effort="thorough")
    assert (auto.success | ~own.success).all()
    both = own.success & auto.success
    assert (auto.distortion[both] <= 1.001 * own.distortion[both]).all()


@pytest.mark.parametrize("values", [1, 2])
def test_in_low_dimensions_thorough_finds_what_a_grid_finds(values):
    model = rough(values, 12, 3, seed=values)
    images = torch.rand(20, values, generator=torch.Generator().manual_seed(2))
    labels = model(images).argmax(1)
    axis = torch.linspace(0, 1, 301)
    grid = torch.cartesian_prod(*[axis] * values).reshape(-1, values)
    away = torch.cdist(images, grid)
    away[model(grid).argmax(1) == labels[:, None]] = torch.inf
    least = away.amin(1)
    found = minimum_distortion(model, images, labels, effort="thorough")
    assert torch.equal(found.success, torch.isfinite(least))
    there = found.success
    assert (found.l2[there] <= 1.02 * least[there] + 1e-3).all()


def test_in_low_dimensions_thorough_finds_a_far_corner_that_no_slope_leads_to():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = nn.Sequential(
            nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)
        ).requires_grad_(False)
    for parameter in model.parameters():
        parameter.mul_(4.0)
    image, label = torch.tensor([[0.92144608, 0.63199478]]), torch.tensor([2])
    found = minimum_distortion(model, image, label, effort="thorough")
    assert found.success.all()
    assert float(found.l2) <= 1.0156 * 1.0001  # of 401 x 401 points 97 are read otherwise, the nearest so far away


def test_an_effort_there_is_none_of_is_refused_and_an_object_keeps_its_own():
    with pytest.raises(InputError, match="effort is 'most'; give one of fast, usual, thorough"):
        minimum_distortion(MODEL, IMAGES, LABELS, effort="most")
    with pytest.raises(InputError, match="effort is 'none'"):
        Auto(effort="none")
    assert method_of(Auto(effort="fast")) == Auto(effort="fast")
    assert method_of(Auto(effort="fast"), "thorough") == Auto(effort="thorough")


def test_what_is_found_does_not_depend_on_the_batch():
    whole = minimum_distortion(MODEL, IMAGES, LABELS)
    order = torch.arange(23, -1, -1)
    turned = minimum_distortion(MODEL, IMAGES[order], LABELS[order])
    torch.testing.assert_close(turned.distortion, whole.distortion[order], rtol=1e-3, atol=1e-5)
