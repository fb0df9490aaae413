"""What is said of gradients that are absent, zero, infinite or false."""

import pytest
import torch
from torch import nn

from blindspots.distortion.search import minimum_distortion
from blindspots.models import Classifier
from blindspots.models.unknown.called import as_module
from blindspots.models.unknown.differenced import Differenced
from blindspots.models.unknown.gradients import seen_gradients
from tests.spoilt import Spoilt


class Through(nn.Module):
    """A small network behind a function of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, images):
        return self.layers(self.function(images))


class Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images):
        return images.clone()

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


def seen(model):
    rows = torch.rand(5, 6, generator=torch.Generator().manual_seed(0))
    rows[:2, 0] = 0
    classifier, differenced = (kind(model, rows.shape[1:]) for kind in (Classifier, Differenced))
    with torch.no_grad():
        labels = model(rows).argmax(1)
    with torch.enable_grad():
        return seen_gradients(classifier, differenced, rows, labels, at_once=3)


@pytest.mark.parametrize(
    ("function", "zero", "infinite", "false"),
    [
        (lambda images: images, 0, 0, False),
        (torch.Tensor.detach, 5, 0, True),
        (Turned.apply, 0, 0, True),
        (torch.Tensor.sqrt, 0, 2, False),
        (lambda images: Spoilt.apply(images, torch.nan), 0, 5, True),  # nor is there any inside the box
        (lambda images: Spoilt.apply(images, 1e30), 0, 0, True),  # whose square is infinite
        (lambda images: 0 * images, 5, 0, False),  # flat, and its gradient says so
        (lambda images: torch.from_numpy(images.numpy()), 5, 0, True),
    ],
)
def test_gradients_are_judged_by_differences(function, zero, infinite, false):
    found = seen(Through(function))
    assert (int(found.zero.sum()), int(found.infinite.sum()), found.false) == (zero, infinite, false)
    assert len(found.warnings()) == bool(zero) + bool(infinite) + false


def lacking(kind):
    """Return a function whose gradient lacks a part, and the same with all of it."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first, second = (nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)) for _ in range(2))
        matrix = torch.randn(3, 6)

    def branch(images, kept=torch.detach):
        return first(images) + kept(second(images))

    def half(images, kept=torch.detach):
        return first(torch.cat([images[:, :3], kept(images[:, 3:])], dim=1))

    def linear(images, kept=torch.detach):
        return torch.cat([images[:, :3], kept(images[:, 3:])], dim=1) @ matrix.T

    def standardised(images, kept=torch.detach):
        middle, spread = images.mean(dim=1, keepdim=True), images.std(dim=1, keepdim=True)
        return ((images - kept(middle)) / kept(spread)) @ matrix.T

    part = {"branch": branch, "half": half, "linear": linear, "standardised": standardised}[kind]
    return as_module(part), as_module(lambda images: part(images, kept=lambda value: value))


@pytest.mark.parametrize("kind", ["branch", "half", "linear", "standardised"])
def test_a_gradient_that_lacks_a_part_is_false(kind):
    some, whole = lacking(kind)
    assert seen(some).false
    assert not seen(whole).false


@pytest.mark.filterwarnings("ignore:the model's gradients")
@pytest.mark.parametrize("kind", ["branch", "standardised"])
def test_what_is_found_without_a_part_of_the_gradient_is_as_near(kind):
    some, whole = lacking(kind)
    images = torch.rand(8, 6, generator=torch.Generator().manual_seed(1))
    labels = whole(images).argmax(dim=1)
    found, least = (minimum_distortion(model, images, labels) for model in (some, whole))
    assert found.success.equal(least.success)
    ratio = (found.distortion / least.distortion)[least.success]
    assert len(ratio) > 3
    assert ratio.mean() < 1.001
    assert ratio.max() < 1.01


@pytest.mark.parametrize("levels", [0, 255])
def test_true_gradients_of_rough_networks_are_no_false_ones(levels):
    generator = torch.Generator().manual_seed(7)

    def coarse(images):
        return images + ((images * levels).round() / levels - images).detach() if levels else images

    for seed in range(12):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            width, kind = (64, 8, 200)[seed % 3], (nn.ReLU, nn.GELU, nn.Tanh, nn.LeakyReLU)[seed % 4]
            layers = [nn.Linear(49, width), kind(), nn.Linear(width, width), kind(), nn.Linear(width, 10)]
            net = nn.Sequential(*layers)
        with torch.no_grad():
            for values in net.parameters():
                values *= 1 + seed % 4
        model = as_module(lambda images, net=net: net(coarse(images)))
        rows = torch.rand(8, 49, generator=generator).round(decimals=2)
        classifier, differenced = (kind(model, rows.shape[1:]) for kind in (Classifier, Differenced))
        with torch.no_grad():
            labels = model(rows).argmax(1)
        with torch.enable_grad():
            assert not seen_gradients(classifier, differenced, rows, labels, at_once=8).false, seed


@pytest.mark.parametrize("first", [torch.relu, torch.abs, nn.functional.hardtanh])
def test_half_a_gradient_at_the_border_of_the_box_is_half_and_no_false_one(first):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 4))
    model = as_module(lambda images: layers(first(images)))
    rows = (torch.rand(6, 30, generator=torch.Generator().manual_seed(0)) - 0.7).clamp_min(0)
    assert (rows == 0).double().mean() > 0.5
    classifier, differenced = (kind(model, rows.shape[1:]) for kind in (Classifier, Differenced))
    with torch.no_grad():
        labels = model(rows).argmax(1)
    with torch.enable_grad():
        found = seen_gradients(classifier, differenced, rows, labels, at_once=6)
    assert not found.false
    assert found.half == (first is not nn.functional.hardtanh)  # which has all of it at 0


def test_no_model_is_asked_for_nothing():
    """Where every gradient is zero there is none to be compared: the commonest reshaping refuses no rows."""

    class Steps(Through):
        def forward(self, images):
            assert len(images) > 0
            return self.layers(torch.sign(images.reshape(len(images), -1) - 0.5))

    found = seen(Steps(lambda images: images))
    assert found.zero.all()
    rows, model = torch.rand(4, 6, generator=torch.Generator().manual_seed(3)), Steps(lambda images: images)
    labels = model(rows).argmax(1)
    with pytest.warns(UserWarning, match="no gradient, or one of zero, at 4 of 4 images"):
        assert minimum_distortion(model, rows, labels).success.all()


def test_equal_values_make_kinks_and_no_false_gradients():
    """Of equal pixels the first has the whole gradient of a maximum: along other ways it says too little."""
    pooled = nn.Sequential(nn.MaxPool1d(2), nn.Flatten(), nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for parameter in pooled.parameters():
            nn.init.normal_(parameter)
    rows = torch.rand(8, 1, 6, generator=torch.Generator().manual_seed(0)).repeat_interleave(2, dim=2)
    classifier, differenced = (kind(pooled, rows.shape[1:]) for kind in (Classifier, Differenced))
    with torch.enable_grad():
        labels = pooled(rows).argmax(1)
        found = seen_gradients(classifier, differenced, rows.flatten(1), labels, at_once=8)
    assert not found.false
    assert found.warnings() == ()
