"""What is climbed to from noise, and what that finds where no slope at the image leads to a boundary."""

import pytest
import torch
from torch import nn

from blindspots import minimum_distortion
from blindspots.distortion.criteria import AnyOther, Towards
from blindspots.distortion.lines.climbing import classes_to_climb_to, climbed, cut_from_there
from blindspots.distortion.problem import Problem
from blindspots.distortion.row_work import row_work
from blindspots.models import Classifier


class Corner(nn.Module):
    """Class 1 where the values sum to nearly as many as there are: no picture of noise is read so."""

    def forward(self, images):
        lead = images.mean(1) - 0.9
        return torch.stack([torch.zeros_like(lead), lead], 1)


class Steps(nn.Module):
    """Class 1 above a mean of 0.5: decisions alone, and no slope."""

    def forward(self, images):
        return nn.functional.one_hot((images.mean(1) > 0.5).long(), 2).to(images.dtype) + 0 * images[:, :1]


def wrapped(model, values):
    classifier = Classifier(model, torch.Size([values]))
    classifier.checked(torch.zeros(1, values))
    return classifier


def test_a_class_that_no_noise_is_read_as_is_climbed_to():
    model, like = Corner(), torch.zeros(3, 30)
    reached = climbed(wrapped(model, 30), like, [0, 1], starts=16)
    assert reached.read.tolist() == [0] * 16 + [1] * 16
    assert torch.equal(model(reached.point).argmax(1), reached.read)
    assert reached.point.min() >= 0
    assert reached.point.max() <= 1
    # a climb ends where the class is read first, and so none at the corner itself
    assert (reached.point[16:].mean(1) < 1).any()
    again = climbed(wrapped(model, 30), torch.rand(1, 30), [1], starts=16)
    assert torch.equal(again.point, reached.point[16:])


def test_on_level_ground_nothing_is_climbed_and_no_time_is_lost():
    class Counted(Steps):
        calls = 0

        def forward(self, images):
            Counted.calls += 1
            return super().forward(images)

    classifier = wrapped(Counted(), 30)
    before = Counted.calls
    reached = climbed(classifier, torch.zeros(1, 30), [1], starts=32)
    assert 0 < len(reached.read) < 32
    assert Counted.calls == before + 1


def test_large_pictures_are_climbed_to_from_fewer():
    seen = []

    class Noted(Corner):
        def forward(self, images):
            seen.append(len(images))
            return super().forward(images)

    classifier = wrapped(Noted(), 150_000)
    seen.clear()
    assert climbed(classifier, torch.zeros(1, 150_000), [0], starts=256) is not None
    assert seen == [6]
    assert climbed(classifier, torch.zeros(1, 150_000), [], starts=256) is None


def test_where_a_gradient_takes_many_passes_fewer_are_climbed_from_or_none():
    classifier, few, many = wrapped(Corner(), 64), torch.zeros(1, 64), torch.zeros(1, 784)
    assert len(climbed(classifier, few, [0], starts=256, passes=128).read) == 128
    assert climbed(wrapped(Corner(), 784), many, [0], starts=256, passes=2 * 784) is None


@pytest.mark.parametrize("path", ["fused", "torch"])
def test_from_where_the_lines_meet_the_boundary_cuts_go_on(path):
    classifier = wrapped(Corner(), 30)
    rows = torch.stack([torch.full((30,), 0.1), torch.linspace(0.1, 0.9, 30)])
    problem = Problem.new(classifier, rows, torch.tensor([0, 0]))
    wanted = AnyOther(torch.tensor([0, 0]))
    reached = climbed(classifier, rows, [0, 1], starts=16)
    cut_from_there(problem, wanted, reached, starts=2, work=row_work(path, rows.device))
    assert float(problem.best.size[0]) == pytest.approx(0.8 * 30**0.5, rel=1e-3)
    assert (problem.best.target == 1).all()
    assert problem.spent.backwards.max() <= 2 * 12
    # the nearest point of the plane, inside the box
    shift = torch.tensor(0.0)
    for _ in range(60):
        shift += 0.9 - (rows[1] + shift).clamp(0, 1).mean()
    least = ((rows[1] + shift).clamp(0, 1) - rows[1]).norm()
    assert float(problem.best.size[1]) == pytest.approx(float(least), rel=1e-3)


def test_classes_that_nobody_wants_are_not_climbed_to():
    labels = torch.tensor([2, 2, 1])
    assert classes_to_climb_to(AnyOther(labels), 4) == [0, 1, 2, 3]
    assert classes_to_climb_to(AnyOther(labels), 11) == []
    assert classes_to_climb_to(Towards.of(torch.tensor([2, 3, 0]), labels), 1000) == [0, 3]  # the first is one already
    many = torch.arange(11)
    assert classes_to_climb_to(Towards.of(many, many + 1), 1000) == []


def untrained(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 3))
        images = torch.rand(6, 1, 6, 6)
    return model.requires_grad_(False), images


PROVED = {
    6: [0.4296782, 0.4566102, 0.4519345, 0.5156455, 0.4863875, 0.4492399],
    8: [0.2628283, 0.1815828, 0.2548088, 0.2206746, 0.165342, 0.2294891],
    12: [0.21427, 0.1084127, 0.2817658, 0.2404402, 0.2509009, 0.2561951],
    42: [0.3748419, 0.2736526, 0.3411684, 0.3213486, 0.4341231, 0.306473],
}
"""By seed: the least distortions of six images that branch and bound proves to be there."""


@pytest.mark.parametrize("seed", PROVED)
def test_what_branch_and_bound_proves_to_be_there_is_found_in_an_untrained_network(seed):
    model, images = untrained(seed)
    found = minimum_distortion(model, images, model(images).argmax(1))
    assert found.success.all()
    share = found.distortion / torch.tensor(PROVED[seed]).double()
    assert share.max() < 1.005
    assert share.min() > 0.9999
