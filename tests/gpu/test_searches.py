"""Searches on a GPU: the same least distortions as on a CPU, and images that are there and misread there."""

import copy
import warnings

import pytest
import torch
from torch import nn

from blindspots import distances_to_all, exact_linear_distortion, minimum_distortion
from blindspots.distortion.methods import EFFORTS, METHODS, Lbfgs
from blindspots.distortion.result import MinimumDistortion
from tests.gpu.conftest import NAMES

WAYS = (*METHODS, Lbfgs(penalty="norm"), Lbfgs(c="set", values=3))
RULES = ("nearest", "second", "random", 3)


def both(model: nn.Module, images: torch.Tensor, **how: object) -> tuple[MinimumDistortion, MinimumDistortion]:
    """Search on the CPU, by torch's operations, and on the GPU; the GPU's images are seen to be misread there."""
    labels = model(images).argmax(dim=1)
    there = copy.deepcopy(model).cuda()
    here = minimum_distortion(model, images, labels, path="torch", **how)
    found = minimum_distortion(there, images.cuda(), labels.cuda(), **how)
    assert found.images.is_cuda
    assert found.distortion.is_cuda
    assert 0 <= float(found.images.min()) <= float(found.images.max()) <= 1
    with torch.no_grad():
        read = there(found.images).argmax(dim=1).cpu()
    reached = found.success.cpu()
    if how.get("rule", "nearest") in ("nearest", "second", "random"):
        assert bool((read != labels)[reached].all())
    else:
        assert bool((read == how["rule"])[reached].all())
    return here, found


def assert_as_near(here: MinimumDistortion, found: MinimumDistortion, *, mean: float, worst: float) -> None:
    """Assert that both found the same images, one as near as the other."""
    reached = here.success
    assert torch.equal(reached, found.success.cpu())
    over = found.distortion.cpu().double()[reached] / here.distortion.double()[reached]
    assert float(over.mean()) == pytest.approx(1, abs=mean)
    assert float((over - 1).abs().max()) < worst


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("model", NAMES, indirect=True)
def test_every_method_and_rule(model: nn.Module, images: torch.Tensor, way: object, rule: str | int) -> None:
    here, found = both(model, images, method=way, rule=rule, seed=5)
    rough = not isinstance(way, str) or way.startswith("lbfgs")  # one start, from which last bits may lead elsewhere
    assert_as_near(here, found, mean=0.1 if rough else 0.002, worst=1 if rough else 0.1)


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("model", ["sigmoid", "rectified"], indirect=True)
def test_every_effort(model: nn.Module, images: torch.Tensor, effort: str) -> None:
    here, found = both(model, images[:4], effort=effort)
    assert_as_near(here, found, mean=0.002, worst=0.05)


@pytest.mark.parametrize("model", ["linear", "sigmoid", "convolution"], indirect=True)
def test_float64(model: nn.Module, images: torch.Tensor) -> None:
    here, found = both(model.double(), images.double())
    assert found.images.dtype == torch.float64
    assert_as_near(here, found, mean=1e-3, worst=0.05)


def test_linear_minimum_is_exact(images: torch.Tensor) -> None:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 10)).cuda()
    labels = model(images.cuda()).argmax(dim=1)
    found = minimum_distortion(model, images.cuda(), labels)
    exact = exact_linear_distortion(model[1].weight, model[1].bias, images.cuda(), labels).distortion
    torch.testing.assert_close(found.distortion.double(), exact.double().to("cuda"), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("model", ["sigmoid", "convolution"], indirect=True)
def test_distances_to_all(model: nn.Module, images: torch.Tensor) -> None:
    labels = model(images[:6]).argmax(dim=1)
    here = distances_to_all(model, images[:6], labels, path="torch")
    there = distances_to_all(copy.deepcopy(model).cuda(), images[:6].cuda(), labels.cuda())
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), here, rtol=0.02, atol=1e-4)


class Stepped(nn.Module):
    """A network whose input is rounded to 16 levels: no gradient comes through."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model((images * 15).round() / 15)


@pytest.mark.parametrize("model", ["rectified"], indirect=True)
def test_without_gradients(model: nn.Module, images: torch.Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here, found = both(Stepped(model), images[:6])
    assert bool(here.success.all())
    assert bool(found.success.all())
    assert not {"projection", "lbfgs", "cuts", "drawing back"} & set(found.found_by)  # which go by the model's own


@pytest.mark.parametrize("model", ["convolution", "sigmoid"], indirect=True)
def test_the_same_again_bit_by_bit(model: nn.Module, images: torch.Tensor) -> None:
    labels = model(images).argmax(dim=1).cuda()
    there = model.cuda()
    one, other = (minimum_distortion(there, images.cuda(), labels, rule="random").images for _ in range(2))
    assert torch.equal(one, other)


def test_model_and_images_on_different_devices(images: torch.Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 10))
    with pytest.raises(ValueError, match="the model is on cpu, the images on cuda:0"):
        minimum_distortion(model, images.cuda(), torch.zeros(24, dtype=torch.int64))
