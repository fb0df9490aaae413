"""One table: every method under every rule on every kind of model."""

import copy

import pytest
import torch
from torch import nn

from blindspots import minimum_distortion
from blindspots.distortion.methods import METHODS, Lbfgs

RULES = ("nearest", "second", "random", 1, "tensor")
MODELS = ("linear", "sigmoid", "rectified", "convolution", "normalised", "two-classes", "hundred-classes")
WAYS = (*METHODS, Lbfgs(penalty="norm"), Lbfgs(c="set", values=3))
TRIALS = [
    *((model, rule, way, "fused") for model in MODELS for rule in RULES for way in WAYS),
    # ten times as slow; test_paths holds it against the other under two rules
    *((model, "nearest", "auto", "torch") for model in ("linear", "sigmoid", "convolution", "hundred-classes")),
]


class Normalised(nn.Module):
    """A model that owns its normalisation, and whose structure is not known from outside."""

    def __init__(self, model: nn.Module, mean: float, scale: float) -> None:
        super().__init__()
        self.model, self.mean, self.scale = copy.deepcopy(model), mean, scale
        first = self.model[1]
        with torch.no_grad():  # the same function of the images as before
            first.bias.add_(first.weight.sum(dim=1) * mean)
            first.weight.mul_(scale)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model((images - self.mean) / self.scale)


def of_classes(count: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.Tanh(), nn.Linear(40, count))


@pytest.fixture
def subject(request, linear, sigmoid, rectified, convolution, many):
    """A model by its name, images and labels: what the model reads, but for the last, which it gets wrong."""
    name = request.param
    cases = {"linear": linear, "sigmoid": sigmoid, "rectified": rectified, "convolution": convolution}
    made = {
        "normalised": lambda: Normalised(sigmoid.model, 0.3, 0.25),
        "two-classes": lambda: of_classes(2),
        "hundred-classes": lambda: of_classes(100),
    }
    model = cases[name].model if name in cases else made[name]()
    images, _ = many(24, 21)
    with torch.no_grad():
        labels = model(images).argmax(1)
    labels[-1] = (labels[-1] + 1) % model(images[:1]).shape[1]
    return model, images, labels


def targets_of(rule, labels, classes):
    return (labels + 1 + torch.arange(len(labels)) % (classes - 1)) % classes if rule == "tensor" else rule


@pytest.mark.parametrize(("subject", "rule", "way", "path"), TRIALS, ids=str, indirect=["subject"])
def test_method_rule_model(subject, rule, way, path):
    model, images, labels = subject
    with torch.no_grad():
        classes = model(images[:1]).shape[1]
    aim = targets_of(rule, labels, classes)
    found = minimum_distortion(model, images, labels, rule=aim, method=way, path=path, seed=5)
    assert found.images.min() >= 0
    assert found.images.max() <= 1
    assert torch.equal(found.images, images + found.perturbation)
    with torch.no_grad():  # a separate pass, in another batch shape
        read = torch.cat([model(part).argmax(1) for part in found.images.split(5)])
    assert torch.equal(read, found.predicted)
    own = labels == rule if isinstance(rule, int) else torch.zeros_like(labels, dtype=torch.bool)
    reached = read != labels if rule == "nearest" else (read == found.target) & ~own
    assert torch.equal(found.success, reached)
    assert not found.perturbation[~found.success].any()
    assert set(found.reasons) == set((~found.success).nonzero()[:, 0].tolist())
    assert all("target class itself" in found.reasons[image] for image in own.nonzero()[:, 0].tolist())
    bound = found.lower_bound.nan_to_num(0)
    assert (bound <= found.distortion)[found.success].all()
    assert (found.exact.nan_to_num(0) <= found.distortion * (1 + 1e-6))[found.success].all()
    if rule == "nearest":
        assert found.distortion[-1] == 0
    if way == "auto":
        assert (found.success | own).all()
    else:  # a method on its own may fail
        assert (found.success | own).float().mean() >= 0.75
    if isinstance(aim, torch.Tensor):
        assert torch.equal(found.target, aim)


@pytest.mark.parametrize("rule", ["nearest", "second", "random"])
@pytest.mark.parametrize("name", ["linear", "sigmoid", "rectified", "convolution"])
def test_auto_finds_least(name, rule, request):
    case = request.getfixturevalue(name)
    found = {
        method: minimum_distortion(case.model, case.images, case.labels, rule=rule, method=method) for method in METHODS
    }
    everywhere = torch.stack([each.success for each in found.values()]).all(dim=0)
    assert everywhere.float().mean() > 0.9
    mean = {method: each.distortion[everywhere].mean() for method, each in found.items()}
    assert mean["auto"] <= 1.001 * min(mean.values())
