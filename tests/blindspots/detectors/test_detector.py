import numpy as np
import torch
from torch import nn

from blindspots.detectors.detector import Detector, features_of
from blindspots.detectors.linear import Linear


def test_its_logits_are_nothing_and_the_score() -> None:
    linear = Linear(np.array([1.0, -2.0, 0.5, 0.0]), 0.25)
    images = torch.rand(5, 1, 2, 2)
    logits = Detector(nn.Flatten(), linear)(images)
    assert torch.equal(logits[:, 0], torch.zeros(5))
    np.testing.assert_allclose(logits[:, 1], linear.scores(images.flatten(1).numpy()), rtol=1e-5, atol=1e-6)


def test_features_are_those_of_all_images() -> None:
    network = nn.Conv2d(1, 2, 2)
    images = torch.rand(7, 1, 3, 3)
    found = features_of(network, images, batch=3)
    torch.testing.assert_close(found, network(images).detach().flatten(1))
    assert not found.requires_grad
