"""Data sets by their name or path."""

from pathlib import Path

import numpy as np
import pytest

from blindspots.datasets.loading import load_dataset
from blindspots.errors import InputError


def test_another_name_is_refused() -> None:
    with pytest.raises(InputError, match="no data set is called 'cifar'; there are mnist, fashion-mnist, and yours by"):
        load_dataset("cifar")


def test_a_file_of_arrays_is_found_at_its_path_or_in_the_folder_that_is_named(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    arrays = {"test_images": np.zeros((4, 2, 2), np.uint8), "test_labels": np.arange(4)}
    np.savez(there / "mine.npz", **arrays)
    assert load_dataset(str(there / "mine.npz")).classes == 4
    elsewhere = str(tmp_path / "elsewhere" / "mine.npz")
    assert load_dataset(elsewhere, folder=there).classes == 4
    with pytest.raises(InputError, match=r"elsewhere/mine\.npz does not exist; name a file of arrays"):
        load_dataset(elsewhere)
