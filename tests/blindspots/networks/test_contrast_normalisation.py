"""Contrast normalisation against the formula, and what is no parameter of it."""

import pytest
import torch

from blindspots.errors import InputError
from blindspots.networks.contrast_normalisation import ContrastNormalisation


@pytest.mark.parametrize("groups", [None, 1, 2, 6])
def test_each_group_of_channels_is_divided_by_its_own_size(groups: int | None) -> None:
    images = torch.randn(3, 6, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = ContrastNormalisation(0.5, 0.7, groups=groups)(images)
    for image, normalised in zip(images, found, strict=True):
        parts = zip(image.chunk(groups or 1), normalised.chunk(groups or 1), strict=True)
        for part, expected in parts:
            torch.testing.assert_close(expected, part / (0.5 + float((part**2).sum())) ** 0.7)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"eps": 0.0}, "eps 0.0: a finite number above 0"),
        ({"eps": float("inf")}, "eps inf"),
        ({"gamma": -0.1}, "gamma -0.1"),
        ({"gamma": float("nan")}, "gamma nan"),
        ({"groups": 0}, "groups 0: 1 or more are wanted"),
    ],
)
def test_numbers_that_make_none_are_refused(fields: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ContrastNormalisation(**fields)  # type: ignore[arg-type]


def test_images_that_do_not_go_into_its_groups_are_refused() -> None:
    with pytest.raises(InputError, match="3 channels: a multiple of the 2 groups is wanted"):
        ContrastNormalisation(groups=2)(torch.ones(1, 3, 2, 2))
    with pytest.raises(InputError, match=r"images of shape \(3,\)"):
        ContrastNormalisation()(torch.ones(3))
