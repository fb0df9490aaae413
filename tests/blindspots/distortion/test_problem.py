"""Problems and parts of them, which write into the same place."""

import torch

from blindspots.distortion.problem import Problem
from blindspots.models.classifier import Classifier


def test_a_part_writes_where_the_whole_does():
    rows = torch.rand(4, 3)
    whole = Problem.new(Classifier(torch.nn.Linear(3, 2), torch.Size([3])), rows, torch.tensor([1, 0, 1, 0]))
    assert whole.best.size.isinf().all()
    part = whole.take(torch.tensor([1, 3])).take(torch.tensor([1]))
    assert torch.equal(part.rows, rows[[3]])
    part.best.offer(part.images, torch.zeros(1, 3), size=torch.tensor([0.5]), target=torch.tensor([1]))
    part.spent.add(part.images, forwards=2)
    assert whole.best.size.isfinite().tolist() == [False, False, False, True]
    assert whole.spent.forwards.tolist() == [0, 0, 0, 2]
    again = whole.counted_anew()
    again.spent.add(again.images, forwards=1)
    assert again.best is whole.best
    assert again.spent.forwards.tolist() == [1, 1, 1, 1]
    assert whole.spent.forwards.tolist() == [0, 0, 0, 2]
