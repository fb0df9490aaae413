"""Images of integers of another scale than 0 to 255."""

import numpy as np
import pytest

from blindspots.datasets.in_memory import of_arrays
from blindspots.datasets.scale import of_one_scale


def images(largest: int) -> np.ndarray:
    return np.array([[[0, 0], [0, largest]]], np.uint8)


def test_black_and_white_are_0_and_1_where_nothing_is_beyond() -> None:
    for pixels in (
        {"train": images(1), "test": images(0)},
        {"train": images(1).astype(np.float32) / 2, "test": images(1)},
    ):
        found = of_one_scale(pixels, "mine")
        assert all(found[split].dtype == np.float32 for split in found)
        assert all(np.array_equal(found[split], pixels[split]) for split in found)
    grey = {"train": images(255), "test": images(1)}
    assert all(found.dtype == np.uint8 for found in of_one_scale(grey, "mine").values())


@pytest.mark.parametrize(("largest", "said"), [(0, False), (1, False), (2, True), (16, True), (17, False)])
def test_what_is_nearly_black_is_said(largest: int, said: bool, caplog: pytest.LogCaptureFixture) -> None:
    labels = {"train": np.array([0]), "test": np.array([1])}
    of_arrays("mine", {"train": images(largest), "test": images(0)}, labels)
    assert [message.startswith(f"mine: the largest pixel is {largest} of 255") for message in caplog.messages] == (
        [True] if said else []
    )
