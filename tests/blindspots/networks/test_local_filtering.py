"""Local filtering against a convolution, its adjoint, and finite differences."""

import pytest
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.networks import local_filtering as module
from blindspots.networks.local_filtering import LocalFiltering, decode, encode

CASES = [(3, 5, 1, 12, 10), (2, 4, 2, 10, 12), (1, 3, 3, 9, 9)]
"""Channels, field, stride, height, width."""


def made(channels: int, field: int, stride: int, height: int, width: int, maps: int = 4) -> LocalFiltering:
    torch.manual_seed(0)
    layer = LocalFiltering((channels, height, width), field=field, maps=maps, stride=stride).double()
    nn.init.normal_(layer.filters)
    return layer


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("budget", [1, 3000, 1 << 23])
def test_it_is_a_convolution_where_all_places_share_their_filters(
    case: tuple[int, ...], budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blindspots.device.BUDGET", budget)  # so few values at once that it goes row by row
    channels, field, stride, height, width = case
    layer = made(*case)
    kernel = torch.randn(4, channels, field, field, dtype=torch.double)
    with torch.no_grad():
        layer.filters.copy_(kernel.flatten(1).expand_as(layer.filters))
    images = torch.randn(3, channels, height, width, dtype=torch.double)
    torch.testing.assert_close(layer(images), nn.functional.conv2d(images, kernel, stride=stride))
    with torch.no_grad():
        layer.filters[0, 1] += 1  # and no longer where one place has its own
    assert not torch.allclose(layer(images), nn.functional.conv2d(images, kernel, stride=stride))


@pytest.mark.parametrize("case", CASES)
def test_every_place_has_its_own_filters(case: tuple[int, ...]) -> None:
    channels, field, stride, height, width = case
    layer = made(*case)
    images = torch.randn(2, channels, height, width, dtype=torch.double)
    found = layer(images)
    rows, columns = found.shape[2:]
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            seen = images[:, :, top : top + field, left : left + field].flatten(1)
            torch.testing.assert_close(found[:, :, row, column], seen @ layer.filters[row, column].T)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("budget", [1, 1 << 23])
def test_decoding_is_the_adjoint(case: tuple[int, ...], budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindspots.device.BUDGET", budget)
    channels, _, stride, height, width = case
    filters = made(*case).filters.detach()
    images = torch.randn(3, channels, height, width, dtype=torch.double)
    codes = torch.randn(3, 4, *filters.shape[:2], dtype=torch.double)
    one = (encode(filters, images, stride=stride) * codes).sum()
    other = (images * decode(filters, codes, channels=channels, stride=stride)).sum()
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("case", CASES)
def test_gradients(case: tuple[int, ...]) -> None:
    channels, _, stride, height, width = case
    layer = made(*case, maps=2)
    images = torch.randn(2, channels, height, width, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda filters, images: module._Filtering.apply(filters, images, stride), (layer.filters, images)
    )


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="fields of 5 at stride 2 do not cover images of 10 x 9"):
        LocalFiltering((1, 10, 9), field=5, maps=2, stride=2)
    with pytest.raises(InputError, match=r"images of the shape \(1, 1, 9, 9\): \(n, 1, 9, 11\) wanted"):
        LocalFiltering((1, 9, 11), field=3, maps=2, stride=2)(torch.zeros(1, 1, 9, 9))
    with pytest.raises(InputError, match="for 2 channels"):
        encode(torch.zeros(2, 2, 4, 9), torch.zeros(1, 2, 4, 4))
