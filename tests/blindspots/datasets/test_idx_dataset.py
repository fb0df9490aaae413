"""The data sets out of IDX files."""

import numpy as np
import torch

from blindspots.datasets.in_memory import ArrayDataset


def test_mnist_is_what_it_should_be(mnist: ArrayDataset) -> None:
    assert (mnist.shape, mnist.classes) == ((1, 28, 28), 10)
    assert {split: len(mnist.ids(split)) for split in ("train", "test", "p1", "p2")} == {
        "train": 60_000,
        "test": 10_000,
        "p1": 30_000,
        "p2": 30_000,
    }
    images = mnist.images("train", [0, 59_999])
    assert images.shape == (2, 1, 28, 28)
    assert images.dtype == torch.float32
    assert (float(images.min()), float(images.max())) == (0.0, 1.0)
    np.testing.assert_array_equal(images[0, 0].numpy(), mnist.pixels["train"][0].astype(np.float32) / np.float32(255))
    assert mnist.labels("train", [0, 1, 2]).tolist() == [5, 0, 4]
    assert mnist.labels("test").dtype == torch.int64
    assert np.bincount(mnist.labels("test")).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
