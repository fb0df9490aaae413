"""Linear models that are not recognised by their modules: found out, searched as near, and never taken for proof."""

import pytest
import torch
from torch import nn

from blindspots import exact_linear_distortion, minimum_distortion
from blindspots.distortion.exact.affine import affine
from blindspots.models.classifier import Classifier

RANDOM = torch.Generator().manual_seed(0)
LAYER = nn.Linear(12, 30).requires_grad_(False)
LAYER.weight.copy_(torch.randn(30, 12, generator=RANDOM))
LAYER.bias.copy_(torch.randn(30, generator=RANDOM))
IMAGES = (1.4 * torch.rand(20, 12, generator=RANDOM) - 0.2).clamp(0, 1)


def scaled(images):
    return 2 * LAYER((images - 0.25) / 0.5) / 3


def probabilities(images):
    return LAYER(images / 2).softmax(1)


def bent(images):
    return LAYER(images.clamp_min(0.02))


def seen(model):
    classifier = Classifier(model if isinstance(model, nn.Module) else Called(model), IMAGES.shape[1:])
    classifier.checked(IMAGES)
    classifier.look_for_probabilities(IMAGES)
    return affine(classifier, IMAGES)


class Called(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, images):
        return self.function(images)


@pytest.mark.parametrize("model", [LAYER, scaled, probabilities])
def test_a_linear_model_is_found_out_and_ranks_classes_alike(model):
    layer = seen(model)
    assert torch.equal(layer(IMAGES.double()).argmax(1), model(IMAGES).argmax(1))


@pytest.mark.parametrize(
    "model", [bent, lambda images: LAYER(images).tanh(), nn.Sequential(LAYER, nn.ReLU(), nn.Linear(30, 3))]
)
def test_what_bends_is_not(model):
    assert seen(model) is None


@pytest.mark.parametrize("rule", ["nearest", 7])
def test_its_least_is_found_but_not_said_to_be_proved(rule):
    read = scaled(IMAGES).argmax(1)
    weight, bias = 4 * LAYER.weight / 3, 2 * (LAYER.bias - 0.5 * LAYER.weight.sum(1)) / 3
    some = read != 7
    targets = None if rule == "nearest" else torch.full_like(read, 7)[some]
    exact = exact_linear_distortion(weight, bias, IMAGES[some], read[some], targets=targets)
    found = minimum_distortion(scaled, IMAGES[some], read[some], rule=rule)
    assert torch.equal(found.success, torch.isfinite(exact.distortion))
    ratio = (found.distortion / exact.distortion)[found.success]
    assert ratio.mean() <= 1.0001
    assert ratio.max() <= 1.001
    assert torch.isnan(found.exact).all()
