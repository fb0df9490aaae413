"""Images as arrays: their shape, and the tensors that are made of them."""

from typing import Any

import numpy as np
import pytest
import torch

from blindspots.datasets.in_memory import ArrayDataset

DRAW = np.random.default_rng(0)


def dataset(images: np.ndarray) -> ArrayDataset:
    labels = np.arange(len(images)) % 2
    return ArrayDataset("mine", ("a", "b"), "0" * 64, {"test": labels}, {"test": images})


@pytest.mark.parametrize(("shape", "of_image"), [((4, 5, 3), (1, 5, 3)), ((4, 2, 5, 3), (2, 5, 3))])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_are_fresh_tensors_from_0_to_1(shape: tuple[int, ...], of_image: tuple[int, ...], dtype: Any) -> None:
    images = (255 * DRAW.random(shape)).astype(np.uint8)
    found = dataset(images if dtype == np.uint8 else images.astype(np.float32) / np.float32(255))
    assert found.shape == of_image
    expected = images.astype(np.float32).reshape(4, *of_image) / np.float32(255)
    got = found.images("test", [3, 1])
    assert got.dtype == torch.float32
    np.testing.assert_array_equal(got.numpy(), expected[[3, 1]])
    got.zero_()
    np.testing.assert_array_equal(found.images("test").numpy(), expected)
