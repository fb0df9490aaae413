"""The nearest blends of an image and other pictures."""

import pytest
import torch
from torch import nn

from blindspots.distortion.lines.blending import blend
from blindspots.distortion.problem import Problem
from blindspots.models import Classifier


class Bright(nn.Module):
    """Class 1 above a mean of 0.6, class 2 where the first value is above 0.9."""

    def forward(self, images):
        return torch.stack([torch.full_like(images[:, 0], 0.6), images.mean(1), 10 * (images[:, 0] - 0.9)], 1)


def test_blends_end_at_the_boundary_on_their_lines():
    classifier = Classifier(Bright(), torch.Size([4]))
    row = torch.full((1, 4), 0.2, dtype=torch.float64)
    classifier.checked(row)
    problem = Problem.new(classifier, row, torch.tensor([0]))
    goals = torch.tensor([[0.8, 0.8, 0.8, 0.8], [0.8, 1, 1, 1], [1.0, 0.2, 0.2, 0.2], [0.3, 0.3, 0.3, 0.3]]).double()
    size = blend(problem, goals, classes=torch.tensor([1, 1, 2, 1]))
    # of the ways w the shares at which the mean, or what the first value is read as, is where another class begins
    first = 0.4 / (goals[1] - row[0]).mean() * (goals[1] - row[0]).norm()
    third = (0.9 + 0.06 - 0.2) / 0.8 * 0.8
    assert size[:3].tolist() == pytest.approx([0.8, float(first), third], rel=1e-6)
    assert size[3] == torch.inf  # no such goal, after all
    assert float(problem.best.size[0]) == float(size[2])
    assert problem.best.target.tolist() == [2]
    assert problem.spent.forwards.tolist() == [4 * 25]


def test_fewer_bisections_end_a_little_beyond():
    classifier = Classifier(Bright(), torch.Size([4]))
    row = torch.full((1, 4), 0.2, dtype=torch.float64)
    classifier.checked(row)
    goal = torch.full((1, 4), 0.8, dtype=torch.float64)
    rough = blend(Problem.new(classifier, row, torch.tensor([0])), goal, classes=torch.tensor([1]), bisections=6)
    assert 0.8 < float(rough) <= 0.8 + 1.2 / 2**5
