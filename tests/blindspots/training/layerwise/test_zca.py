"""Whitening: what is left of images whose neighbours are alike."""

import pytest
import torch
from torch import nn

from blindspots.training.layerwise.zca import whitening


def smooth_images(count: int, channels: int = 1) -> torch.Tensor:
    """Return images whose values are means of their surroundings' noise, about 0.4, the channels alike."""
    torch.manual_seed(0)
    noise = torch.randn(count, 1, 28, 28) + 0.3 * torch.randn(count, channels, 28, 28)
    kernel = torch.tensor([1.0, 3.0, 1.0])
    blur = (kernel[:, None] * kernel / 25).expand(channels, 1, 3, 3)
    return 0.4 + 0.1 * nn.functional.conv2d(noise, blur, groups=channels)


def neighbours(images: torch.Tensor) -> float:
    left, right = images[..., 4:-5].flatten(), images[..., 5:-4].flatten()
    return float(torch.corrcoef(torch.stack([left, right]))[0, 1])


@pytest.mark.parametrize("channels", [1, 3])
def test_neighbours_and_channels_have_nothing_in_common_afterwards(channels: int) -> None:
    images = smooth_images(300, channels)
    found = whitening(images.split(100), size=7, floor=1e-3)
    assert neighbours(images) > 0.4
    whitened = found(images)
    assert abs(neighbours(whitened)) < 0.1
    inner = whitened[..., 4:-4]
    assert float(inner.mean()) == pytest.approx(0, abs=0.05)
    assert float(inner.std()) == pytest.approx(1, abs=0.2)
    if channels == 3:
        red, green = inner[:, 0].flatten(), inner[:, 1].flatten()
        assert abs(float(torch.corrcoef(torch.stack([red, green]))[0, 1])) < 0.1


def test_it_is_the_centre_of_a_zca_of_patches() -> None:
    """Of white noise that is the noise itself, divided by its standard deviation."""
    torch.manual_seed(0)
    images = 0.5 + 0.1 * torch.randn(400, 1, 12, 12)
    found = whitening([images], size=3, floor=0.0)
    expected = torch.zeros(1, 1, 3, 3)
    expected[0, 0, 1, 1] = 10
    torch.testing.assert_close(found.kernel, expected, rtol=0, atol=0.3)
    assert float(found.mean) == pytest.approx(0.5, abs=1e-3)


def test_what_is_noise_is_not_blown_up() -> None:
    images = smooth_images(200)
    gains = [float(whitening([images], size=7, floor=floor).kernel.abs().sum()) for floor in (1e-4, 1e-2, 1.0)]
    assert gains[0] > 1.2 * gains[1] > 2 * gains[2]


def test_of_nothing_there_is_no_whitening() -> None:
    with pytest.raises(ValueError, match="no images"):
        whitening([])
