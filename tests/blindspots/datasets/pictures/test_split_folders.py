"""Which folders are splits, and which are classes that are called much the same."""

from pathlib import Path

import pytest

from blindspots.datasets.pictures.split_folders import looked_through, split_folders
from blindspots.errors import InputError


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "val"),
        ("Training", "Testing"),
        ("training_set", "test_set"),
        ("seg_train", "seg_test"),
        ("train_set", "val_set"),
        ("train-data", "test data"),
        ("traindir", "testdir"),
        ("Train Images", "Test Images"),
        ("my pets_train_images", "my pets_validation_images"),
        ("trainset", "testset"),
    ],
)
def test_a_pair_of_folders_is_two_splits(train: str, test: str) -> None:
    found = {train: "train", test: "test"}
    assert split_folders(Path("a"), {train, test}) == found
    assert split_folders(Path("a"), {train, test, "other"}) == found


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        (["test", "val", "train_set"], {"test": "test", "val": "test", "train_set": "train"}),
        (["train", "seg_test"], {"train": "train"}),
        (["test", "cat"], {"test": "test"}),
        (["training_set"], {"training_set": "train"}),
        (["bullet_train", "car"], {}),
        (["bullet_train", "litmus_test", "car"], {}),
        (["bullet_train", "freight_train"], {}),
        (["invalid", "trainer", "value", "testament", "constraint"], {}),
        ([], {}),
    ],
)
def test_other_folders_may_be_classes(folders: list[str], found: dict[str, str]) -> None:
    assert split_folders(Path("a"), folders) == found


@pytest.mark.parametrize(
    "folders",
    [["train2017", "val2017"], ["trainA", "testA", "trainB"], ["a_train", "a_test", "b_train", "b_test"]],
)
def test_names_of_splits_that_are_not_understood_are_refused(folders: list[str]) -> None:
    with pytest.raises(InputError, match=r"^a has the folders .* and .*, which are named as splits: call those train"):
        split_folders(Path("a"), folders)


def test_a_folder_is_looked_through_where_it_is_all_there_is(tmp_path: Path) -> None:
    inner = tmp_path / "seg_test" / "SEG_test"
    inner.mkdir(parents=True)
    assert looked_through(tmp_path / "seg_test", [inner]) == inner
    assert looked_through(tmp_path / "seg_test", [inner, inner / "a.txt"]) is None
    assert looked_through(tmp_path / "test", [inner]) is None
    (inner / "SEG_test").touch()
    assert looked_through(inner, [inner / "SEG_test"]) is None
