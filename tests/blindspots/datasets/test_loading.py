"""Data sets by their name or path."""

from pathlib import Path

import numpy as np
import pytest

from blindspots.datasets.loading import holds_arrays, load_dataset
from blindspots.datasets.pictures.listing import list_pictures
from blindspots.datasets.whereabouts import check_there
from blindspots.errors import InputError
from blindspots.study.file import load_study, validate_study


def test_another_name_is_refused() -> None:
    with pytest.raises(InputError, match="no data set is called 'cifar'; there are mnist, fashion-mnist, and yours by"):
        load_dataset("cifar")


def test_suffixes_in_capitals_are_the_same(tmp_path: Path) -> None:
    with (tmp_path / "mine.NPZ").open("wb") as file:
        np.savez(file, test_images=np.zeros((4, 2, 2), np.uint8), test_labels=np.arange(4))
    name = str(tmp_path / "mine.NPZ")
    assert load_dataset(name).classes == 4
    assert holds_arrays(name, None)
    study = {**load_study("quick").model_dump(mode="json"), "dataset": "mine.NPZ"}
    assert not validate_study(study).has_pictures
    (tmp_path / "PATHS.CSV").write_text("path,label\na.png,0\n")
    with pytest.raises(InputError, match=r"pictures\.size is wanted"):
        load_dataset(str(tmp_path / "PATHS.CSV"))
    assert list_pictures(tmp_path / "PATHS.CSV").keys == ("0",)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (
            "a.npy",
            r"a\.npy is one array; images and labels together are wanted, in a file .* that ends in \.npz",
        ),
        ("a.NPY", r"a\.NPY is one array"),
        ("a.csv.gz", r"a\.csv\.gz is a packed table; unpack it, and name the \.csv file"),
    ],
)
def test_what_comes_near_to_a_file_that_is_read_says_what_is_wanted(file: str, said: str, tmp_path: Path) -> None:
    (tmp_path / file).touch()
    for asked in (load_dataset, lambda name: holds_arrays(name, None), lambda name: check_there(name, None)):
        with pytest.raises(InputError, match=said):
            asked(str(tmp_path / file))


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
