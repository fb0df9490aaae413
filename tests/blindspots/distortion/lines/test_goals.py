"""Other images that lines begin from: of the batch, and made up."""

import torch
from torch import nn

from blindspots.distortion.attempt import Attempt
from blindspots.distortion.criteria import AnyOther
from blindspots.distortion.lines.goals import goals_of, pictures_in_the_box
from blindspots.distortion.row_work import row_work
from blindspots.models import Classifier


class Bright(nn.Module):
    """Class 1 above a mean of 0.9, else class 0."""

    def forward(self, images):
        return torch.stack([torch.full_like(images[:, 0], 0.9), images.mean(1)], 1)


def attempt_of(rows, wanted):
    classifier = Classifier(Bright(), rows.shape[1:])
    return Attempt(
        classifier, rows, wanted.labels, classifier.checked(rows).argmax(1), wanted, row_work("torch", rows.device)
    )


def test_an_image_alone_has_goals_outside_its_batch():
    rows = torch.full((1, 30), 0.4)
    goals, read = goals_of(attempt_of(rows, AnyOther(torch.tensor([0]))), 0)
    assert len(goals)
    assert (read == 1).all()
    assert (goals.mean(1) > 0.9).all()


def test_the_nearest_of_the_batch_come_first():
    rows = torch.stack([torch.full((30,), value) for value in (0.4, 0.95, 1.0)])
    goals, _ = goals_of(attempt_of(rows, AnyOther(torch.tensor([0, 1, 1]))), 0)
    assert torch.equal(goals[0], rows[1])


def test_made_up_pictures_are_in_the_box_and_always_the_same():
    rows = torch.rand(2, 7, dtype=torch.float64)
    drawn = pictures_in_the_box(rows)
    assert drawn.dtype == rows.dtype
    assert drawn.min() == 0
    assert drawn.max() == 1
    assert torch.equal(drawn, pictures_in_the_box(rows[:1]))
