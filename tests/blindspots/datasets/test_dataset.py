import numpy as np
import pytest
import torch

from blindspots.datasets.dataset import Dataset, load_dataset
from blindspots.errors import InputError


def test_mnist_is_what_it_should_be(mnist: Dataset) -> None:
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


def test_the_halves_name_examples_by_their_place_in_train(mnist: Dataset) -> None:
    p1, p2 = mnist.ids("p1", 3), mnist.ids("p2", 3)
    assert not np.intersect1d(p1, p2).size
    assert torch.equal(mnist.images("p2", p2[:5]), mnist.images("train", p2[:5]))
    assert np.bincount(mnist.labels("p1", p1), minlength=10).tolist() == pytest.approx(
        np.bincount(mnist.labels("p2", p2), minlength=10).tolist(), abs=1
    )
    order = mnist.order("p1", 3)
    np.testing.assert_array_equal(np.sort(order), p1)
    assert np.bincount(mnist.labels("p1", order[:100])).tolist() == [10] * 10


@pytest.mark.parametrize(
    ("ids", "said"),
    [([-1], "-1 is not in test"), ([10_000], "ids go from 0 to 9999"), ([[1]], "list of integers"), ([0.5], "float64")],
)
def test_ids_that_are_not_there_are_refused(mnist: Dataset, ids: list[int], said: str) -> None:
    for of in (mnist.images, mnist.labels):
        with pytest.raises(InputError, match=said):
            of("test", ids)


def test_names_that_are_not_there_are_refused(mnist: Dataset) -> None:
    with pytest.raises(InputError, match="no split is called 'validation'; there are train, p1, p2, test"):
        mnist.images("validation")
    with pytest.raises(InputError, match="no data set is called 'cifar'; there are mnist, fashion-mnist"):
        load_dataset("cifar")
