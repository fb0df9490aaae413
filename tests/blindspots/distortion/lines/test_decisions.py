"""The walk along a boundary that sees classes alone, held against boundaries that are known."""

import torch
from torch import nn

from blindspots.distortion.lines.decisions import walk
from blindspots.distortion.problem import Problem
from blindspots.models import Classifier


class HardLabel(nn.Module):
    """A half-space, of which nothing but the side is told."""

    def __init__(self, normal, level):
        super().__init__()
        self.normal, self.level = normal, level

    def forward(self, images):
        return nn.functional.one_hot((images @ self.normal >= self.level).long(), 2).float()


def test_the_walk_comes_near_a_plane_and_counts_what_it_asks():
    normal = torch.randn(8, generator=torch.Generator().manual_seed(0))
    rows = 0.5 + 0.02 * torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    level = 0.5 * normal.sum() + 0.3 * normal.norm()
    problem = Problem.new(Classifier(HardLabel(normal, level), rows.shape[1:]), rows, torch.tensor([1, 1]))
    far = (rows + 0.45 * normal.sign()).clamp(0, 1)
    everyone = torch.arange(2)
    problem.best.offer(everyone, far, size=(far - rows).norm(dim=1), target=torch.tensor([1, 1]))
    exact = (level - rows @ normal) / normal.norm()
    assert (problem.best.size > 1.5 * exact).all()
    for targets in (None, torch.tensor([1, 1])):
        walk(problem, targets)
        assert (problem.best.point @ normal >= level).all()
        assert (problem.best.size <= 1.1 * exact).all()
        assert (problem.best.size >= exact * (1 - 1e-5)).all()
    assert (problem.spent.forwards > 100).all()
    assert not problem.spent.backwards.any()
