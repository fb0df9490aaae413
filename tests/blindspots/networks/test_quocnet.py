"""QuocNet: its layers by what they are defined as, its sizes on no device at all."""

import math

import pytest
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.networks.quocnet import (
    L2Pooling,
    LocalContrastNormalisation,
    QuocNet,
    Stage,
    Whitening,
    resized,
)
from blindspots.study.quocnet_size import MINI, SIZES, QuocNetSize

SMALL = QuocNetSize(height=15, channels=2, fields=(4,), strides=(1,), maps=2, pool=3)


def test_the_network_of_2011_on_the_meta_device() -> None:
    with torch.device("meta"):
        network = QuocNet(SIZES["quocnet-2011"])
        features = network(torch.empty(2, 3, 200, 200))
    counts = [sum(weight.numel() for weight in stage.parameters()) for stage in network.stages]
    assert counts == [260_410_464, 544_195_584, 412_252_416]
    assert sum(weight.numel() for weight in network.parameters()) == 1_216_858_464
    assert features.shape == (2, SIZES["quocnet-2011"].features)


def test_pooling_is_the_root_of_the_sum_of_squares_within_a_map() -> None:
    maps = torch.randn(2, 3, 7, 6, dtype=torch.double)
    found = L2Pooling(5, eps=0.5)(maps)
    assert found.shape == (2, 3, 3, 2)
    expected = math.sqrt(0.5 + float(maps[1, 2, 1:6, 1:6].square().sum()))
    assert float(found[1, 2, 1, 1]) == pytest.approx(expected)


def test_pooling_has_a_gradient_at_nothing() -> None:
    maps = torch.zeros(1, 1, 5, 5, requires_grad=True)
    L2Pooling()(maps).sum().backward()
    assert torch.equal(maps.grad, torch.zeros(1, 1, 5, 5))


@pytest.mark.parametrize("value", [0.0, 0.3, -7.0])
def test_a_constant_picture_has_no_contrast(value: float) -> None:
    found = LocalContrastNormalisation()(torch.full((2, 3, 9, 8), value, dtype=torch.double))
    assert float(found.abs().max()) < 1e-4 * (1 + abs(value))


def test_contrast_is_normalised_over_all_maps() -> None:
    """In the middle by the definition; what is said twice as loud is heard the same, unless it is below the floor."""
    layer = LocalContrastNormalisation(5, floor=0.01)
    maps = torch.randn(1, 2, 13, 13, dtype=torch.double)
    steps = torch.arange(-2, 3, dtype=torch.double)
    profile = torch.exp(-0.5 * (steps / 1.25) ** 2)
    window = profile[:, None] * profile
    window = (window / window.sum()).expand(1, 2, 5, 5) / 2
    centred = maps[:, :, 2:-2, 2:-2] - nn.functional.conv2d(maps, window)
    variance = nn.functional.conv2d(centred**2, window)
    expected = centred[:, :, 2:-2, 2:-2] / variance.sqrt()
    torch.testing.assert_close(layer(maps)[:, :, 4:-4, 4:-4], expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(layer(2 * maps + 3), layer(maps), rtol=1e-5, atol=1e-5)
    quiet = 1e-5 * maps
    assert float(layer(quiet).abs().max()) < 0.01


@pytest.mark.parametrize("layer", [L2Pooling(3), LocalContrastNormalisation(3), Stage(SMALL.shapes[0])])
def test_gradients(layer: nn.Module) -> None:
    torch.manual_seed(0)
    layer = layer.double()
    for weight in layer.parameters():
        nn.init.normal_(weight)
    images = torch.randn(1, 2, 15, 15, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (images,))


def test_whitening_is_a_convolution_of_what_is_left_of_the_mean() -> None:
    layer = Whitening(2, size=3)
    torch.manual_seed(0)
    layer.kernel.normal_()
    layer.mean.copy_(torch.tensor([0.2, 0.4]))
    images = torch.rand(2, 2, 6, 6)
    inner = nn.functional.conv2d(images - torch.tensor([0.2, 0.4])[:, None, None], layer.kernel)
    torch.testing.assert_close(layer(images)[:, :, 1:-1, 1:-1], inner)
    constant = layer(torch.full((1, 2, 6, 6), 0.5))
    torch.testing.assert_close(constant, constant[:, :, :1, :1].expand_as(constant))  # the border goes on outside


def test_pictures_are_made_as_large_as_the_network_wants_them() -> None:
    size = SIZES[MINI]
    picture = torch.rand(2, 3, 30, 48)
    found = resized(picture, size)
    assert found.shape == (2, 1, 24, 24)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    middle = picture[..., 9:39]
    torch.testing.assert_close(resized(middle, size), found)
    grey = 0.299 * middle[:, 0] + 0.587 * middle[:, 1] + 0.114 * middle[:, 2]
    torch.testing.assert_close(found.mean(), grey.mean(), rtol=0.05, atol=0.01)
    same = torch.rand(1, 1, 24, 24)
    assert torch.equal(resized(same, size), same)
    with pytest.raises(InputError, match=r"pictures of 1 channel\(s\) for a network of 3; name another size"):
        resized(same, SIZES["quocnet-64"])
