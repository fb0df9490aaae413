"""Points at which rounding decides what is read."""

import torch
from torch import nn

from blindspots import minimum_distortion
from blindspots.distortion.criteria import AnyOther
from blindspots.distortion.lines.outward import moved_outward
from blindspots.models import Classifier


class Waverer(nn.Module):
    """Class 1 above a mean of 0.5, and up to 0.5001 only in batches of an odd number of images."""

    def forward(self, images):
        threshold = 0.5 if len(images) % 2 else 0.5001
        return torch.stack([torch.full_like(images[:, 0], threshold), images.mean(1)], 1)


def test_what_is_lost_is_moved_until_batch_and_image_agree():
    rows = torch.tensor([[0.2, 0.2], [0.4, 0.4]])
    points = torch.tensor([[0.50001, 0.50001], [0.9, 0.9]])
    classifier = Classifier(Waverer(), torch.Size([2]))
    wanted = AnyOther(torch.tensor([0, 0]))
    moved = moved_outward(classifier, rows, points, torch.tensor([0]), wanted=wanted)
    assert torch.equal(moved[1], points[1])
    assert 0.5001 < float(moved[0].mean()) < 0.5001 + 4e-4  # of 0.3, four times what was lacking at most
    assert classifier.logits(moved).argmax(1).tolist() == [1, 1]


def test_what_is_no_matter_of_rounding_stays():
    rows, points = torch.tensor([[0.2, 0.2]]), torch.tensor([[0.3, 0.3]])
    classifier = Classifier(Waverer(), torch.Size([2]))
    moved = moved_outward(classifier, rows, points, torch.tensor([0]), wanted=AnyOther(torch.tensor([0])))
    assert torch.equal(moved, points)


def test_what_a_search_holds_by_a_rounding_is_not_lost():
    """Read a little sooner under differentiation than without, as rounding has it of what is left of large terms."""

    class Hasty(nn.Module):
        def forward(self, images):
            threshold = 0.25 if images.requires_grad else 0.2501
            return torch.stack([torch.full_like(images[:, 0], threshold), images.square().mean(1)], 1)

    images = torch.linspace(0.05, 0.4, 8)[:, None].expand(-1, 3)
    found = minimum_distortion(Hasty(), images, torch.zeros(8, dtype=torch.int64))
    assert found.success.all()
    assert (found.l2 < 1.02 * (3**0.5 * (0.2501**0.5 - images[:, 0]))).all()
    assert (Hasty()(found.images).argmax(1) == 1).all()
