"""In which order methods are tried, and for which images more is tried."""

import pytest
import torch
from torch import nn

from blindspots import minimum_distortion
from blindspots.distortion import METHODS, Auto


class Plateau(nn.Module):
    """A model whose gradient is exactly zero in dark images."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        lead = torch.relu(images.mean(1) - 0.5) - 0.1
        return torch.stack([-lead, lead], dim=1)


def test_a_doubtful_boundary_is_searched_again(small_network):
    """A saturated network: from the image, the linearisation leads to a boundary far away."""
    model, images, labels = small_network(38, 3)
    auto, projection = (minimum_distortion(model, images, labels, method=name) for name in ("auto", "projection"))
    both = auto.success & projection.success
    assert both.sum() > 10
    assert (auto.distortion <= projection.distortion * (1 + 1e-4))[both].all()
    assert (auto.distortion < 0.5 * projection.distortion)[both].any()


@pytest.mark.parametrize("method", METHODS)
def test_only_auto_tries_more_than_its_method(method):
    images = torch.cat([torch.full((1, 6), 0.2), torch.full((2, 6), 0.9)])
    found = minimum_distortion(Plateau(), images, torch.tensor([0, 1, 1]), method=method)
    assert bool(found.success[0]) == (method == "auto")
    assert found.success[1:].all()


def test_auto_for_a_target_goes_on_from_lbfgs_by_projection(sigmoid):
    """Whatever the penalty ends at, the projection from there is no farther, and takes passes of its own."""
    images, labels = sigmoid.images[:60], sigmoid.labels[:60]
    auto = minimum_distortion(sigmoid.model, images, labels, rule="second")
    coarse = minimum_distortion(sigmoid.model, images, labels, rule="second", method=Auto().lbfgs)
    both = coarse.success & (coarse.distortion > 0)
    assert both.sum() > 30
    assert (auto.distortion <= coarse.distortion)[both].all()
    assert (auto.backwards > coarse.backwards)[both].all()
    assert auto.distortion[both].mean() < 0.99 * coarse.distortion[both].mean()
