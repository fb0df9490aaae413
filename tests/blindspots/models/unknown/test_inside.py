"""Gradients from a little inside the box."""

import torch
from torch import nn

from blindspots.distortion.search import minimum_distortion
from blindspots.models.unknown.inside import Inside


def test_logits_are_those_of_the_point_and_gradients_those_inside():
    layer = nn.Linear(3, 2)
    model = nn.Sequential(nn.ReLU(), layer)
    rows = torch.tensor([[0.0, 0.5, 1.0]])
    classifier = Inside(model, rows.shape[1:])
    logits, tape = classifier.evaluate(rows)
    torch.testing.assert_close(logits, layer(rows).detach())
    slope = classifier.gradient(tape, torch.tensor([[1.0, -1.0]]))
    torch.testing.assert_close(slope, (layer.weight[:1] - layer.weight[1:]).detach())


def test_a_rectifier_on_the_image_itself_changes_nothing_of_what_is_found():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Linear(60, 40), nn.ReLU(), nn.Linear(40, 5))
    images = (torch.rand(12, 60, generator=torch.Generator().manual_seed(0)) - 0.7).clamp_min(0)
    labels = layers(images).argmax(dim=1)
    found = minimum_distortion(nn.Sequential(nn.ReLU(), layers), images, labels)
    least = minimum_distortion(layers, images, labels)
    assert not found.warnings
    assert found.success.equal(least.success)
    torch.testing.assert_close(found.distortion, least.distortion, rtol=1e-3, atol=0)
