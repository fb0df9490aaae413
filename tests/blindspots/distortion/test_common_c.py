"""One c for a whole set: the largest at which all its images are reached."""

import copy

import torch
from torch import nn

from blindspots import minimum_distortion
from blindspots.distortion import Lbfgs


def test_one_c_for_the_set_is_one_penalised_minimum_each(linear):
    """For a linear softmax the penalised loss is convex: every image's gradient must vanish at one common c."""
    images, labels = linear.images[:40].double(), linear.labels[:40]
    model = copy.deepcopy(linear.model).double()
    with torch.no_grad():
        targets = model(images).argsort(dim=1)[:, -2]
        keep = (targets != labels) & (model(images).argmax(1) == labels)
    images, labels, targets = images[keep], labels[keep], targets[keep]
    method = Lbfgs(c="set", values=12, iterations=300, tolerance=1e-5)
    found = minimum_distortion(model, images, labels, rule=targets, method=method)
    assert found.success.all()
    point = found.images.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(nn.functional.cross_entropy(model(point), targets, reduction="sum"), point)
    free = (found.images > 1e-9) & (found.images < 1 - 1e-9)
    step = found.perturbation
    moved = free & (step.abs() > 1e-6)
    c = -(slope / (2 * step))[moved]
    assert moved.sum() > 500
    assert c.std() / c.mean() < 1e-2
    # at a c a little larger, not all are reached: it is the largest
    own = minimum_distortion(model, images, labels, rule=targets, method="lbfgs")
    assert own.distortion.mean() < 0.98 * found.distortion.mean()
    lead = model(found.images).detach()
    lead = lead.gather(1, targets[:, None])[:, 0] - lead.scatter(1, targets[:, None], -torch.inf).amax(1)
    assert 0 < lead.min() < 0.01 * lead.max()


def test_an_image_that_no_c_moves_is_not_waited_for():
    """The last image lies where the model is flat, so that nothing reaches it: the others are found all the same."""

    class Shelf(nn.Module):
        def forward(self, images):
            lead = torch.relu(images.mean(1) - 0.3) - 0.2
            return torch.stack([-lead, lead], dim=1)

    images = torch.tensor([[0.45, 0.35, 0.4], [0.4, 0.4, 0.4], [0.1, 0.1, 0.1]])
    method = Lbfgs(c="set", values=4)
    found = minimum_distortion(Shelf(), images, torch.zeros(3, dtype=torch.int64), method=method)
    assert found.success.tolist() == [True, True, False]
    assert torch.equal(found.images[2], images[2])
