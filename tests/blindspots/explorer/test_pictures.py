import io

import numpy as np
from PIL import Image

from blindspots.explorer.pictures import difference_png, image_png, largest


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_an_image_of_one_channel_is_grey_and_cut_to_the_box() -> None:
    image = np.array([[[0.0, 0.5, 1.0], [-3.0, 1.7, 0.25]]], np.float32)
    np.testing.assert_array_equal(pixels(image_png(image)), [[0, 128, 255], [0, 255, 64]])


def test_three_channels_are_colours_and_of_two_the_mean_is_shown() -> None:
    image = np.array([[[1.0]], [[0.0]], [[0.2]]], np.float32)
    np.testing.assert_array_equal(pixels(image_png(image)), [[[255, 0, 51]]])
    np.testing.assert_array_equal(pixels(image_png(image[:2])), [[128]])


def test_a_difference_is_grey_where_there_is_none_and_white_at_its_largest() -> None:
    moved = np.array([[[0.0, 0.02, -0.01]]], np.float32)
    assert largest(moved) == np.float32(0.02)
    np.testing.assert_array_equal(pixels(difference_png(moved)), [[128, 255, 64]])
    np.testing.assert_array_equal(pixels(difference_png(np.zeros((3, 1, 2)))), [[[128] * 3] * 2])
