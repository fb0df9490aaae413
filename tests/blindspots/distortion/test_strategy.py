"""In which order methods are tried, and for which images more is tried."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from blindspots import distances_to_all, minimum_distortion
from blindspots.distortion import METHODS, Auto, methods
from blindspots.networks.fully_connected import FullyConnected
from tests.fixed import fixed_images, fixed_network


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


def trained_on(images: torch.Tensor, labels: torch.Tensor, *, epochs: int) -> FullyConnected:
    """A sigmoid network with two hidden layers, trained until its logits saturate or, by few epochs, not."""
    network = fixed_network(32, 32).requires_grad_(True)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(epochs):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    return network.requires_grad_(False)


def above_their_own(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[int, int]:
    """How many are more than 0.1% above the least of their distances to all classes, and the gradients of all."""
    found = minimum_distortion(network, images, labels)
    least = distances_to_all(network, images, labels).scatter(1, labels[:, None], torch.inf).amin(1)
    return int((found.distortion > 1.001 * least).sum()), int(found.backwards.sum())


def test_where_logits_saturate_other_classes_are_searched_as_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the slopes at an image do not tell which class is the nearest."""
    images, labels = fixed_images(100)
    network = trained_on(images, labels, epochs=300)
    labels = network(images).argmax(1)
    above, passes = above_their_own(network, images, labels)
    monkeypatch.setitem(methods._TRIES, "usual", replace(methods._TRIES["usual"], saturated=0))
    before, fewer = above_their_own(network, images, labels)
    assert above <= 6
    assert before >= 10
    assert passes > fewer
