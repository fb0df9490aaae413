"""The data sets out of IDX files."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from blindspots.datasets.archive import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from blindspots.datasets.in_memory import ArrayDataset
from blindspots.datasets.loading import holds_arrays, load_dataset
from blindspots.errors import InputError


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


def written(folder: Path, **shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Write four IDX files of small images into ``folder``, gzipped, and return what is in them."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    of = {TRAIN_IMAGES: (6, 2, 3), TRAIN_LABELS: (6,), TEST_IMAGES: (4, 2, 3), TEST_LABELS: (4,), **shapes}
    arrays = {name: random.integers(0, 3 if len(shape) == 1 else 256, shape, np.uint8) for name, shape in of.items()}
    for name, array in arrays.items():
        array.flat[0] = 2
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (folder / f"{name}.gz").write_bytes(gzip.compress(header + array.tobytes()))
    return arrays


@pytest.mark.parametrize("inside", ["", "raw", "KMNIST/raw"])
def test_four_idx_files_of_ones_own_are_a_data_set(inside: str, tmp_path: Path) -> None:
    arrays = written(tmp_path / "mine" / inside)
    found = load_dataset(str(tmp_path / "mine"))
    assert (found.shape, found.class_names, found.name) == ((1, 2, 3), ("0", "1", "2"), "mine")
    for split, images, labels in (("train", TRAIN_IMAGES, TRAIN_LABELS), ("test", TEST_IMAGES, TEST_LABELS)):
        assert torch.equal(found.images(split)[:, 0], torch.from_numpy(arrays[images]).float() / 255)
        assert found.labels(split).tolist() == arrays[labels].tolist()
    assert holds_arrays(str(tmp_path / "mine"), None)


def test_idx_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "mine", **{TEST_LABELS: (3,)})
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte are \(4, 2, 3\) and \(3,\); \(n, height, width\)"):
        load_dataset(str(tmp_path / "mine"))
    (tmp_path / "mine" / f"{TEST_LABELS}.gz").write_bytes(b"\x1f\x8bx")
    with pytest.raises(InputError, match="is a damaged gzip file"):
        load_dataset(str(tmp_path / "mine"))


def test_the_four_files_are_of_one_folder(tmp_path: Path) -> None:
    root = tmp_path / "data"
    written(root / "FashionMNIST" / "raw")
    arrays = written(root / "KMNIST" / "raw", **{TRAIN_IMAGES: (8, 2, 3), TRAIN_LABELS: (8,)})
    with pytest.raises(InputError, match="holds 2 data sets, FashionMNIST/raw and KMNIST/raw: name the folder of one"):
        load_dataset(str(root))
    (root / "FashionMNIST" / "raw" / f"{TEST_IMAGES}.gz").unlink()
    assert load_dataset(str(root)).labels("train").tolist() == arrays[TRAIN_LABELS].tolist()
    (root / "KMNIST" / "raw" / f"{TRAIN_IMAGES}.gz").unlink()
    with pytest.raises(InputError, match="lie in FashionMNIST/raw and KMNIST/raw; all four are wanted in one folder"):
        load_dataset(str(root))


def test_one_folder_may_hold_them_raw_and_compressed_and_unpacked(tmp_path: Path) -> None:
    root = tmp_path / "data"
    arrays = written(root)
    packed = root / f"{TRAIN_LABELS}.gz"
    (root / TRAIN_LABELS).mkdir()
    (root / TRAIN_LABELS / TRAIN_LABELS).write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    (root / TEST_LABELS).write_bytes(gzip.decompress((root / f"{TEST_LABELS}.gz").read_bytes()))
    written(root / "older")
    found = load_dataset(str(root))
    assert [found.labels(split).tolist() for split in ("train", "test")] == [
        arrays[name].tolist() for name in (TRAIN_LABELS, TEST_LABELS)
    ]
