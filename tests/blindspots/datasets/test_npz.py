"""Arrays in a file as a data set: what is taken, what it is known by, and what is refused."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from blindspots.datasets.npz import load_npz
from blindspots.errors import InputError

DRAW = np.random.default_rng(0)
ARRAYS: dict[str, Any] = {
    "train_images": DRAW.integers(0, 256, (12, 3, 5, 4), dtype=np.uint8),
    "train_labels": np.arange(12) % 3,
    "test_images": DRAW.integers(0, 256, (6, 3, 5, 4), dtype=np.uint8),
    "test_labels": np.arange(6, dtype=np.uint8) % 3,
}


def saved(path: Path, **changes: Any) -> Path:
    """Write the arrays with changes, without those that are None."""
    arrays = {name: values for name, values in {**ARRAYS, **changes}.items() if values is not None}
    np.savez(path / "mine.npz", **arrays)
    return path / "mine.npz"


def test_arrays_go_by_the_names_of_keras_too(tmp_path: Path) -> None:
    split = ("train", "test")
    named = {f"{x}_{of}": ARRAYS[f"{of}_{what}"] for of in split for x, what in (("x", "images"), ("y", "labels"))}
    np.savez(tmp_path / "keras.npz", **{**named, "y_test": named["y_test"][:, None]})
    assert load_npz(tmp_path / "keras.npz").sha256 == load_npz(saved(tmp_path)).sha256


def test_a_split_for_validation_is_left_aside_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "plain").mkdir()
    plain = load_npz(saved(tmp_path / "plain"))
    found = load_npz(saved(tmp_path, val_images=ARRAYS["test_images"], val_labels=ARRAYS["test_labels"]))
    assert (found.sha256, found.splits) == (plain.sha256, plain.splits)
    assert caplog.messages == ["mine.npz: the arrays val_images, val_labels are not looked at"]


def test_images_and_labels_are_those_of_the_file(tmp_path: Path) -> None:
    found = load_npz(saved(tmp_path))
    assert (found.name, found.shape, found.classes, found.class_names) == ("mine.npz", (3, 5, 4), 3, ("0", "1", "2"))
    images = found.images("train", [7, 0])
    assert images.dtype == torch.float32
    np.testing.assert_array_equal(images.numpy(), ARRAYS["train_images"][[7, 0]].astype(np.float32) / np.float32(255))
    assert found.labels("train", [7, 0]).tolist() == [1, 0]
    assert found.splits == ("train", "p1", "p2", "test")
    assert sorted([*found.ids("p1"), *found.ids("p2")]) == list(range(12))
    images.zero_()  # a copy: the data set stays what it is
    assert bool(found.images("train", [7]).any())


def test_floats_are_taken_as_they_are_and_one_channel_needs_no_axis(tmp_path: Path) -> None:
    grey = DRAW.random((6, 5, 4))
    path = saved(tmp_path, train_images=None, train_labels=None, test_images=grey)
    found = load_npz(path)
    assert (found.shape, found.splits) == ((1, 5, 4), ("test",))
    images = found.images("test")
    np.testing.assert_array_equal(images[:, 0].numpy(), grey.astype(np.float32))
    images.zero_()
    assert bool(found.images("test").any())


def test_images_of_0_and_1_are_black_and_white_by_one_scale(tmp_path: Path) -> None:
    binary = {f"{split}_images": ARRAYS[f"{split}_images"] // 128 for split in ("train", "test")}
    found = load_npz(saved(tmp_path, **binary))
    for split in ("train", "test"):
        assert torch.equal(found.images(split), torch.from_numpy(binary[f"{split}_images"]).float())
    grey = load_npz(saved(tmp_path, test_images=binary["test_images"]))
    assert torch.equal(grey.images("test"), torch.from_numpy(binary["test_images"]).float() / 255)
    mixed = load_npz(saved(tmp_path, train_images=ARRAYS["train_images"] / 255, test_images=binary["test_images"]))
    assert torch.equal(mixed.images("test"), torch.from_numpy(binary["test_images"]).float())


def test_classes_have_the_names_that_the_file_gives_them(tmp_path: Path) -> None:
    found = load_npz(saved(tmp_path, class_names=np.array(["cat", "dog", "newt", "ostrich"])))
    assert (found.class_names, found.classes) == (("cat", "dog", "newt", "ostrich"), 4)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"test_labels": ARRAYS["test_labels"].astype(np.int64)}, True),
        ({"class_names": np.array(["a", "b", "c"])}, True),
        ({"class_names": np.array(["a", "b", "c", "d"])}, False),
        ({"test_labels": ARRAYS["test_labels"][::-1]}, False),
        ({"train_images": ARRAYS["train_images"][::-1]}, False),
        ({"train_images": None, "train_labels": None}, False),
    ],
)
def test_a_data_set_is_known_by_its_images_labels_and_classes(
    tmp_path: Path, changes: dict[str, Any], same: bool
) -> None:
    known = load_npz(saved(tmp_path)).sha256
    assert (load_npz(saved(tmp_path, **changes)).sha256 == known) == same


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"test_images": None}, "lacks the array test_images; it has train_images, train_labels, test_labels"),
        ({"train_labels": None}, "lacks the array train_labels"),
        ({"valid_images": np.zeros(3)}, "no array is called 'valid_images'; there may be class_names, test_images"),
        ({"test_images": np.zeros((6, 60), np.uint8)}, r"test_images is \(6, 60\); \(n, channels, height, width\) or"),
        ({"test_images": np.zeros((0, 3, 5, 4), np.uint8)}, r"test_images is \(0, 3, 5, 4\)"),
        ({"test_images": np.zeros((6, 5, 4, 3), np.uint8)}, "with the channels last; they are wanted behind n"),
        ({"test_images": np.zeros((6, 3, 4, 5), np.uint8)}, r"images of train are \(3, 5, 4\), of test \(3, 4, 5\)"),
        ({"test_images": np.zeros((6, 3, 5, 4), np.int64)}, "test_images is int64; uint8 from 0 to 255 or floats"),
        ({"test_images": np.full((6, 3, 5, 4), 255.0)}, "test_images has values from 255 to 255; floats are wanted in"),
        ({"test_images": np.full((6, 3, 5, 4), np.nan)}, "has values from nan to nan"),
        ({"test_labels": np.zeros(5, int)}, r"test_labels is \(5,\); \(6,\) is wanted, a label for each image"),
        ({"test_labels": np.zeros(6)}, "test_labels is float64; integers from 0 on are wanted"),
        ({"test_labels": np.array([0, 1, 2, 0, 1, -1])}, "test_labels has the label -1"),
        ({"test_labels": np.array([0, 1, 2, 0, 1, 10**9])}, "test_labels has the label 1000000000"),
        ({"class_names": np.array(["a", "b"])}, "has the label 2, but class_names names 2 classes"),
        ({"class_names": np.arange(3)}, "class_names is int64"),
        ({"class_names": np.array(["a", "b", "c\ud800"])}, "class_names has 'c.ud800'; text without control"),
        ({"class_names": np.array(["a", "b\x1b[31m", "c"])}, "class_names has 'b.x1b.31m'; text without control"),
        ({"test_labels": np.zeros(6, int), "train_labels": np.zeros(12, int)}, "has 1 class; two at least are wanted"),
    ],
)
def test_other_arrays_are_refused_on_one_line(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        load_npz(saved(tmp_path, **changes))
    assert str(error.value).startswith("mine.npz")
    assert "\n" not in str(error.value)


def test_what_is_no_file_of_arrays_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"text", saved(tmp_path).read_bytes()[:300]):
        bad = tmp_path / "bad.npz"
        bad.write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.npz is no file of arrays by numpy\.savez"):
            load_npz(bad)
    np.savez(tmp_path / "code.npz", test_images=np.array([object()]), test_labels=np.zeros(1, int))
    with pytest.raises(InputError, match=r"code\.npz is no file of arrays"):  # objects would have to be unpickled
        load_npz(tmp_path / "code.npz")
    with pytest.raises(InputError, match="is a folder"):
        load_npz(tmp_path)


def test_damaged_bytes_of_a_packed_file_are_one_error(tmp_path: Path) -> None:
    path = tmp_path / "packed.npz"
    np.savez_compressed(path, **ARRAYS)
    whole = path.read_bytes()
    first = zipfile.ZipFile(path).infolist()[0].header_offset
    begin = first + 30 + sum(int.from_bytes(whole[first + at : first + at + 2], "little") for at in (26, 28))
    for at, value in ((begin, 0xFF), (begin + 9, 0xFF)):
        changed = bytearray(whole)
        changed[at] = value
        path.write_bytes(changed)
        with pytest.raises(InputError, match=r"packed\.npz is no file of arrays"):
            load_npz(path)
    for place, value in ((8, 1), (10, 99)):  # in the archive's list: a password, an unknown packing
        changed = bytearray(whole)
        changed[whole.index(b"PK\x01\x02") + place] = value
        path.write_bytes(changed)
        with pytest.raises(InputError, match=r"packed\.npz is no file of arrays"):
            load_npz(path)
