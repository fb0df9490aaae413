"""Images as they are shown."""

import numpy as np
import pytest

from blindspots.figures.pixels import shown_pixels


@pytest.mark.parametrize(("channels", "shape"), [(1, (2, 4, 5)), (3, (2, 4, 5, 3)), (2, (2, 4, 5))])
def test_three_channels_are_colours_and_others_grey(channels: int, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).random((2, channels, 4, 5))
    shown = shown_pixels(images)
    assert shown.shape == shape
    at = shown[1, 2, 3]
    np.testing.assert_allclose(at, images[1, :, 2, 3] if channels == 3 else images[1, :, 2, 3].mean())
