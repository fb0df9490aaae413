"""Fully connected networks evaluated from their weights, against automatic differentiation."""

import pytest
import torch
from torch import nn

from blindspots.models import Classifier, classifier_of
from blindspots.models.classifier import contrast
from blindspots.models.layered import Layered


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh, nn.ReLU, None])
def test_a_network_is_evaluated_from_its_weights(activation):
    parts = [nn.Linear(12, 7), activation() if activation else nn.Identity(), nn.Linear(7, 6, bias=False), nn.Tanh()]
    model = nn.Sequential(nn.Flatten(), *parts, nn.Dropout(0.5), nn.Linear(6, 4)).double().eval()
    rows = torch.rand(9, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    by_hand, automatic = classifier_of(model, torch.Size([3, 4])), Classifier(model, torch.Size([3, 4]))
    assert isinstance(by_hand, Layered)
    weights = contrast(torch.tensor([[1, 2, 3]]).expand(9, 3), torch.zeros(9, 1, dtype=torch.int64), like=rows[:, :4])
    (logits, tape), (expected, other) = by_hand.evaluate(rows), automatic.evaluate(rows)
    torch.testing.assert_close(logits, expected)
    gradients = automatic.pullbacks(other, weights)
    torch.testing.assert_close(by_hand.pullbacks(tape, weights), gradients)
    _, other = automatic.evaluate(rows)
    torch.testing.assert_close(by_hand.pullback(tape, weights[:, 1]), automatic.pullback(other, weights[:, 1]))
    _, other = automatic.evaluate(rows)
    gaps = torch.rand(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    near, far = by_hand.closest(tape, weights, gaps, within=1.6), automatic.closest(other, weights, gaps, within=1.6)
    assert near.row.tolist() == far.row.tolist()
    assert near.column.tolist() == far.column.tolist()
    assert 9 <= len(near.row) < 27
    torch.testing.assert_close(near.normals, far.normals)


def test_layers_along_the_last_dimension_alone_are_no_network_of_rows():
    model = nn.Sequential(nn.Linear(4, 3), nn.Flatten(), nn.Linear(6, 3))
    assert not isinstance(classifier_of(model, torch.Size([2, 4])), Layered)


def test_what_is_no_chain_of_layers_is_differentiated():
    for model in (nn.Sequential(nn.Flatten(), nn.Linear(8, 3), nn.Softplus(), nn.Linear(3, 2)), nn.Bilinear(2, 2, 2)):
        assert type(classifier_of(model, torch.Size([8]))) is Classifier


def test_weights_without_values_are_no_network_of_rows():
    assert type(classifier_of(nn.Linear(8, 3, device="meta"), torch.Size([8]))) is Classifier
