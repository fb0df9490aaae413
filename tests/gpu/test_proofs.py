"""Bounds and radii of models on a GPU: those of the same models on a CPU, and never above what a search finds."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from blindspots import certified_radius, conv_norm, linear_norm, minimum_distortion, network_bounds
from tests.gpu.conftest import NAMES

OWN = ("rectified", "convolution", "normalised")


@pytest.mark.parametrize(
    ("model", "arithmetic"), [*((name, "real") for name in NAMES), *((name, "own") for name in OWN)], indirect=["model"]
)
def test_radii(model: nn.Module, images: torch.Tensor, arithmetic: str) -> None:
    images = images[:6]
    labels = model(images).argmax(dim=1)
    here = certified_radius(model, images, labels, arithmetic=arithmetic)
    there = copy.deepcopy(model).cuda()
    proved = certified_radius(there, images.cuda(), labels.cuda(), arithmetic=arithmetic)
    assert str(proved.method) == str(here.method)
    torch.testing.assert_close(proved.radius.cpu().double(), here.radius.double(), rtol=1e-4, atol=1e-9)
    found = minimum_distortion(there, images.cuda(), labels.cuda())
    assert bool((proved.distortion.cpu().double() <= found.distortion.cpu().double()).all())
    assert bool((found.lower_bound <= found.distortion).all())


@pytest.mark.parametrize("method", ["product", "sdp", "local"])
@pytest.mark.parametrize("model", ["sigmoid"], indirect=True)
def test_radii_of_sigmoids(model: nn.Module, images: torch.Tensor, method: str) -> None:
    images, there = images[:6], copy.deepcopy(model).cuda()
    labels = model(images).argmax(dim=1)
    here = certified_radius(model, images, labels, method=method)
    proved = certified_radius(there, images.cuda(), labels.cuda(), method=method)
    torch.testing.assert_close(proved.radius.cpu().double(), here.radius.double(), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("model", ["rectified", "convolution"], indirect=True)
def test_exact_radii(model: nn.Module, images: torch.Tensor) -> None:
    images, there = images[:3], copy.deepcopy(model).cuda()
    labels = model(images).argmax(dim=1)
    here = certified_radius(model, images, labels, method="exact", parts=200)
    proved = certified_radius(there, images.cuda(), labels.cuda(), method="exact", parts=200)
    torch.testing.assert_close(proved.radius.cpu().double(), here.radius.double(), rtol=0.02, atol=1e-9)


@pytest.mark.parametrize("model", NAMES, indirect=True)
def test_bounds_of_layers(model: nn.Module) -> None:
    here = network_bounds(model, (1, 12, 12))
    there = network_bounds(copy.deepcopy(model).cuda(), (1, 12, 12))
    np.testing.assert_allclose(there["upper"].values, here["upper"].values, rtol=1e-5)
    np.testing.assert_allclose(there["lower"].values, here["lower"].values, rtol=1e-5)
    assert there.attrs["product"] == pytest.approx(here.attrs["product"], rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_norms(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weight = torch.randn(300, 500, dtype=dtype)
    one, other = linear_norm(weight), linear_norm(weight.cuda())
    assert other.upper == pytest.approx(one.upper, rel=1e-5)
    true = float(torch.linalg.matrix_norm(weight.double(), 2))
    assert other.lower <= true * (1 + 1e-12)
    assert true <= other.upper * (1 + 1e-12)
    kernel = torch.randn(16, 8, 5, 5, dtype=dtype)
    one, other = (conv_norm(each, input_size=(28, 28), padding=2) for each in (kernel, kernel.cuda()))
    assert other.upper == pytest.approx(one.upper, rel=1e-4)
    assert other.lower == pytest.approx(one.lower, rel=1e-4)
