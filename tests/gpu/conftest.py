"""What is tried on a GPU, by hand: ``python -m pytest -m gpu tests/gpu``, where torch finds one."""

from pathlib import Path

import pytest
import torch
from torch import nn


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(autouse=True)
def _there_is_a_gpu() -> None:
    assert torch.cuda.is_available(), "-m gpu asks for a GPU, and torch finds none"


def networks() -> dict[str, nn.Module]:
    """Return small networks of ten classes on images of one channel, 12 x 12: one of each kind that is searched."""
    torch.manual_seed(1)
    return {
        "linear": nn.Sequential(nn.Flatten(), nn.Linear(144, 10)),
        "sigmoid": nn.Sequential(nn.Flatten(), nn.Linear(144, 40), nn.Sigmoid(), nn.Linear(40, 10)),
        "rectified": nn.Sequential(nn.Flatten(), nn.Linear(144, 40), nn.ReLU(), nn.Linear(40, 10)),
        "convolution": nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(216, 10)
        ),
        "normalised": nn.Sequential(
            nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(150, 10)
        ).eval(),
    }


NAMES = tuple(networks())


def pictures() -> torch.Tensor:
    """Return 24 images (24, 1, 12, 12), values from 0 to 1."""
    return torch.rand(24, 1, 12, 12, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def images() -> torch.Tensor:
    return pictures()


@pytest.fixture
def model(request: pytest.FixtureRequest) -> nn.Module:
    """Return the network of the test's parameter, on the CPU; its logits are far apart, and no class has most."""
    network = networks()[request.param]
    with torch.no_grad():
        logits = network(pictures())
        network[-1].bias.sub_(logits.mean(dim=0))
        for each in (network[-1].weight, network[-1].bias):
            each.div_(logits.std(dim=0).mean())
    return network
