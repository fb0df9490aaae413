"""Gradients by differences, held against automatic differentiation."""

import torch
from torch import nn

from blindspots.models import Classifier
from blindspots.models.unknown.differenced import Differenced


def test_differences_are_the_gradients_inside_and_at_the_edge_of_the_box():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    rows = torch.rand(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rows[0] = rows[0].round()
    weights = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    exact, differenced = Classifier(model, rows.shape[1:]), Differenced(model, rows.shape[1:])
    slopes = []
    for classifier in (exact, differenced):
        logits, tape = classifier.evaluate(rows)
        torch.testing.assert_close(logits, exact.logits(rows))
        slopes.append(classifier.pullback(tape, weights))
    torch.testing.assert_close(slopes[1], slopes[0], rtol=2e-3, atol=1e-4)


def test_an_input_in_eight_bits_is_passed_by_the_longer_step():
    model = nn.Linear(3, 2)
    differenced = Differenced(nn.Sequential(Rounded(), model), torch.Size([3]))
    _, tape = differenced.evaluate(torch.full((1, 3), 0.5))
    slope = differenced.pullback(tape, torch.tensor([[1.0, -1.0]]))
    torch.testing.assert_close(slope[0], (model.weight[0] - model.weight[1]).detach(), rtol=0.2, atol=1e-3)


class Rounded(nn.Module):
    def forward(self, images):
        return (255 * images).round() / 255


def test_of_a_large_image_the_gradient_is_a_projection():
    weight = torch.randn(1500, 2, generator=torch.Generator().manual_seed(3))
    differenced = Differenced(Product(weight), torch.Size([1500]))
    rows = torch.full((1, 1500), 0.5)
    _, tape = differenced.evaluate(rows)
    slope, full = differenced.pullback(tape, torch.tensor([[1.0, 0.0]]))[0], weight[:, 0]
    torch.testing.assert_close(slope @ full, slope @ slope, rtol=1e-2, atol=0)  # of the gradient on a subspace
    assert 0.2 < float(slope.norm() / full.norm()) < 0.9


class Product(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, images):
        return images @ self.weight
