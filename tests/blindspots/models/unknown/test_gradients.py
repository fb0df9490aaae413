"""What is said of gradients that are absent, zero, infinite or false."""

import pytest
import torch
from torch import nn

from blindspots.models import Classifier
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
