"""What is tried for images that the ordinary search found nothing for."""

import pytest
import torch
from torch import nn

from blindspots import minimum_distortion
from blindspots.distortion.attempt import Attempt
from blindspots.distortion.criteria import AnyOther
from blindspots.distortion.lines.rescue import rescue
from blindspots.distortion.row_work import row_work
from blindspots.models import Classifier


def test_a_flat_region_is_left_by_way_of_another_image():
    """The gradient is exactly zero at the image: only a blend with an image read as the target finds the boundary."""

    class Plateau(nn.Module):
        def forward(self, images):
            lead = torch.relu(images.mean(1) - 0.5) - 0.1
            return torch.stack([-lead, lead], dim=1)

    images = torch.cat([torch.full((1, 6), 0.2), torch.full((2, 6), 0.9)])
    labels = torch.tensor([0, 1, 1])
    for rule in ("nearest", torch.tensor([1, 0, 0])):
        found = minimum_distortion(Plateau(), images, labels, rule=rule)
        assert found.success.all()
        assert found.distortion[0] == pytest.approx(0.4, rel=1e-3)


@pytest.mark.parametrize("path", ["fused", "torch"])
def test_a_gentle_slope_is_left_by_a_longer_search(path):
    """Without another image to blend with: the penalty alone, down to a tiny c."""
    model = nn.Linear(6, 2)
    with torch.no_grad():
        model.weight.copy_(1e-4 * torch.tensor([[1.0] * 6, [-1.0] * 6]))
        model.bias.copy_(-6e-4 * torch.tensor([0.5, -0.5]))
    rows = torch.full((2, 6), 0.8)
    classifier = Classifier(model, torch.Size([6]))
    clean = classifier.checked(rows).argmax(1)
    labels = torch.zeros(2, dtype=torch.int64)
    assert torch.equal(clean, labels)
    attempt = Attempt(classifier, rows, labels, clean, AnyOther(labels), row_work(path, rows.device))
    part = torch.tensor([1])
    problem = attempt.problem(part)
    rescue(attempt, problem, part=part)
    assert float(problem.best.size[0]) == pytest.approx(0.3 * 6**0.5, rel=0.05)
    assert problem.best.target.tolist() == [1]
    assert problem.spent.iterations[0] > 1
    assert not attempt.spent.iterations.any()


def test_what_is_found_already_is_left_alone():
    model = nn.Linear(3, 2)
    rows = torch.rand(2, 3, generator=torch.Generator().manual_seed(0))
    classifier = Classifier(model, torch.Size([3]))
    clean = classifier.checked(rows).argmax(1)
    attempt = Attempt(classifier, rows, clean, clean, AnyOther(clean), row_work("torch", rows.device))
    part = torch.arange(2)
    problem = attempt.problem(part)
    problem.best.offer(part, torch.full((2, 3), 0.5), size=torch.tensor([0.1, 0.2]), target=1 - clean)
    rescue(attempt, problem, part=part)
    assert problem.best.size.tolist() == [torch.tensor(0.1).item(), torch.tensor(0.2).item()]
    assert not problem.spent.forwards.any()
