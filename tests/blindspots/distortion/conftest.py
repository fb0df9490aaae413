"""Small generated models and images: ten classes on 8 x 8 pixels, many of which are 0 or 1, as in MNIST.

They are the same to the last bit on every processor, so that only the search differs by rounding: drawn and trained in
float64, over few enough iterations that rounding stays below 1e-10, then rounded to multiples of a power of two.
"""

import copy
from dataclasses import dataclass

import pytest
import torch
from torch import nn


@dataclass(frozen=True)
class Case:
    """A model, images and their labels, a few of which the model gets wrong."""

    model: nn.Module
    images: torch.Tensor
    labels: torch.Tensor

    def to(self, dtype: torch.dtype) -> "Case":
        """Return the case in another dtype, on a model of its own."""
        return Case(copy.deepcopy(self.model).to(dtype), self.images.to(dtype), self.labels)


def pictures(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images (count, 1, 8, 8) around ten prototypes, clipped to [0, 1], and their classes."""
    prototypes = 1.6 * torch.rand(10, 64, generator=torch.Generator().manual_seed(99)) - 0.4
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (count,), generator=random)
    images = prototypes[labels] + 0.35 * torch.randn(count, 64, generator=random, dtype=torch.float64)
    return on_grid(images.clamp(0, 1).reshape(count, 1, 8, 8), 256), labels


def on_grid(values: torch.Tensor, steps: int) -> torch.Tensor:
    """Return the multiples of 1 / ``steps`` nearest to ``values``, float32: what they were rounded to is no matter."""
    return ((values * steps).round() / steps).float()


def trained(model: nn.Module, decay: float) -> nn.Module:
    """Fit ``model`` to generated images; the global random state stays as it was."""
    images, labels = pictures(1000, 1)
    images = images.double()
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=30, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = nn.functional.cross_entropy(model(images), labels)
        value = value + decay * sum(weight.square().sum() for weight in model.parameters())
        value.backward()
        return value

    optimiser.step(loss)
    weights = [parameter.detach().clone() for parameter in model.parameters()]
    model.float()
    with torch.no_grad():
        for parameter, exact in zip(model.parameters(), weights, strict=True):
            parameter.copy_(on_grid(exact, 1024))
    return model


def _network(*parts: nn.Module) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for part in parts:
            if hasattr(part, "reset_parameters"):
                part.double().reset_parameters()
    return nn.Sequential(nn.Flatten(), *parts)


@pytest.fixture(scope="session")
def linear() -> Case:
    """Softmax regression."""
    return Case(trained(_network(nn.Linear(64, 10)), 1e-3), *pictures(200, 2))


@pytest.fixture(scope="session")
def sigmoid() -> Case:
    """Two sigmoid layers."""
    model = _network(nn.Linear(64, 24), nn.Sigmoid(), nn.Linear(24, 16), nn.Sigmoid(), nn.Linear(16, 10))
    return Case(trained(model, 1e-4), *pictures(200, 3))


@pytest.fixture(scope="session")
def rectified() -> Case:
    """One rectified layer."""
    model = _network(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    return Case(trained(model, 1e-4), *pictures(200, 4))


@pytest.fixture(scope="session")
def convolution() -> Case:
    """A convolution and two fully connected layers."""
    parts = (nn.Conv2d(1, 6, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(54, 20), nn.ReLU(), nn.Linear(20, 10))
    return Case(trained(_network(*parts)[1:], 1e-4), *pictures(200, 6))


@pytest.fixture(params=["linear", "sigmoid", "rectified"])
def case(request: pytest.FixtureRequest) -> Case:
    """Each of the three."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def many():
    """Return the function that makes more images: ``many(count, seed)``."""
    return pictures


def _small_network(seed: int, width: int) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(9, width), nn.Tanh(), nn.Linear(width, 4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(2 * torch.randn(parameter.shape, generator=random, dtype=torch.float64))
    images = (1.4 * torch.rand(16, 9, generator=random) - 0.2).clamp(0, 1)
    with torch.no_grad():
        return model, images, model(images).argmax(1)


@pytest.fixture(scope="session")
def small_network():
    """Return the function that makes a random network, often saturated, images and what it reads in them."""
    return _small_network
