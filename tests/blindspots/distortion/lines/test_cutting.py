"""Nearest points at kinks, known in closed form; bends both ways; rows of one image; paths."""

import pytest
import torch
from torch import nn

from blindspots.distortion.criteria import AnyOther, Towards
from blindspots.distortion.lines import cutting
from blindspots.distortion.problem import Problem
from blindspots.distortion.row_work import row_work
from blindspots.models.classifier import Classifier

IMAGE = torch.tensor([[0.2, 0.2, 0.5]])


class Corner(nn.Module):
    """Reads 1 where both of the first two values are over 0.5, else 0: the nearest such point is the corner."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        lead = (images[:, :2] - 0.5).amin(1) + 0 * images[:, 2]
        return torch.stack([-lead, lead], 1)


class Outside(nn.Module):
    """Reads 1 where either of the first two values is over a bound of its own: the nearest point is on one plane."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        lead = torch.maximum(images[:, 0] - 0.5, images[:, 1] - 0.7)
        return torch.stack([-lead, lead], 1)


def problem_of(model, rows, *, classes=2):
    classifier = Classifier(model, rows.shape[1:])
    classifier.classes = classes
    return Problem.new(classifier, rows, torch.ones(len(rows), dtype=torch.int64))


@pytest.mark.parametrize("path", ["fused", "torch"])
@pytest.mark.parametrize("begun", [[0.9, 0.6, 0.5], [0.55, 0.99, 0.1], [0.6, 0.3, 0.5]])
@pytest.mark.parametrize("rule", ["nearest", "target"])
def test_the_corner_of_two_pieces_is_found_from_either_side_and_from_short_of_it(path, begun, rule):
    problem = problem_of(Corner(), IMAGE)
    one, zero = torch.ones(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)
    wanted = AnyOther(zero) if rule == "nearest" else Towards.of(one, zero)
    cutting.cut(problem, wanted, torch.tensor([begun]), rounds=12, work=row_work(path, IMAGE.device))
    assert float(problem.best.size) == pytest.approx(0.3 * 2**0.5, rel=3e-4)
    assert Corner()(problem.best.point).argmax(1).item() == 1
    assert 2 <= int(problem.spent.backwards) <= 12


def test_one_half_space_alone_misses_the_corner(monkeypatch):
    """What the memory is for."""
    monkeypatch.setattr(cutting, "CUTS", 1)
    problem = problem_of(Corner(), IMAGE)
    start = torch.tensor([[0.9, 0.6, 0.5]])
    cutting.cut(
        problem, AnyOther(torch.zeros(1, dtype=torch.int64)), start, rounds=12, work=row_work("torch", start.device)
    )
    assert float(problem.best.size) > 1.01 * 0.3 * 2**0.5


def test_a_half_space_that_would_cut_the_best_point_off_is_let_go():
    """Towards a boundary that bends away each start ends on its own plane; of an image's starts the nearest is kept."""
    rows = IMAGE.repeat(2, 1)
    problem = problem_of(Outside(), IMAGE).take(torch.zeros(2, dtype=torch.int64))
    starts = torch.tensor([[0.4, 0.9, 0.5], [0.9, 0.4, 0.5]])
    wanted = AnyOther(torch.zeros(2, dtype=torch.int64))
    cutting.cut(problem, wanted, starts, rounds=12, work=row_work("torch", rows.device))
    assert float(problem.best.size) == pytest.approx(0.3, rel=3e-4)
    apart = problem_of(Outside(), rows)
    cutting.cut(apart, wanted, starts, rounds=12, work=row_work("torch", rows.device))
    torch.testing.assert_close(apart.best.size, torch.tensor([0.5, 0.3]), rtol=3e-4, atol=0)


def test_where_there_is_no_slope_nothing_is_found_and_nothing_breaks():
    class Flat(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.stack([images[:, 0] * 0 + 1, images[:, 0] * 0], 1)

    problem = problem_of(Flat(), IMAGE)
    cutting.cut(
        problem, AnyOther(torch.zeros(1, dtype=torch.int64)), IMAGE, rounds=4, work=row_work("fused", IMAGE.device)
    )
    assert torch.isinf(problem.best.size).all()
    assert torch.isfinite(problem.best.point).all()


def test_near_the_boundary_the_aim_is_a_share_of_the_way():
    image = torch.tensor([[0.7, 0.5 - 1e-4, 0.5]])
    problem = problem_of(Corner(), image)
    start = torch.tensor([[0.7, 0.6, 0.5]])
    cutting.cut(
        problem, AnyOther(torch.zeros(1, dtype=torch.int64)), start, rounds=12, work=row_work("torch", image.device)
    )
    assert 1e-4 <= float(problem.best.size) <= 1.04e-4  # rounding of the logits is 4e-6 of it
