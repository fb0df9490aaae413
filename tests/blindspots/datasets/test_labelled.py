"""Splits, ids, orders and labels, on MNIST and on a handful of labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from blindspots.datasets.in_memory import ArrayDataset
from blindspots.errors import InputError


def test_the_halves_name_examples_by_their_place_in_train(mnist: ArrayDataset) -> None:
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
def test_ids_that_are_not_there_are_refused(mnist: ArrayDataset, ids: list[int], said: str) -> None:
    for of in (mnist.images, mnist.labels):
        with pytest.raises(InputError, match=said):
            of("test", ids)


def test_splits_that_are_not_there_are_refused(mnist: ArrayDataset) -> None:
    with pytest.raises(InputError, match="no split is called 'validation'; there are train, p1, p2, test"):
        mnist.images("validation")
    alone = replace(mnist, classes_of={"test": mnist.classes_of["test"]}, pixels={"test": mnist.pixels["test"]})
    assert (mnist.splits, alone.splits) == (("train", "p1", "p2", "test"), ("test",))
    for ask in (alone.ids, alone.images, alone.labels):
        with pytest.raises(InputError, match="mnist has no split p1; it has test"):
            ask("p1")
