"""A data set of one's own: arrays of images and labels in a ``.npz`` file, as ``numpy.savez`` writes it."""

import logging
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from blindspots.datasets.in_memory import ArrayDataset, of_arrays
from blindspots.datasets.whereabouts import ARRAYS, not_there
from blindspots.errors import InputError
from blindspots.names import is_plain

_SPLITS = ("train", "test")
_NAMES = "class_names"
_KERAS = {
    f"{letter}_{split}": f"{split}_{what}" for letter, what in (("x", "images"), ("y", "labels")) for split in _SPLITS
}
"""The arrays' names in the files that Keras hands on."""
_BESIDE = {"val_images", "val_labels", "x_val", "y_val"}
"""A third split, as MedMNIST's files have it."""
_LARGEST_LABEL = 32_767  # what a store's int16 holds
_CHANNELS = (1, 3, 4)  # of pictures: a last axis of such a length is one of channels

_UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, AttributeError, TypeError, OverflowError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, struct.error, lzma.LZMAError),
    *(RuntimeError, NotImplementedError),  # of an archive with a password, or packed in a way that Python has not
)

logger = logging.getLogger(__name__)

Arrays = Mapping[str, np.ndarray]


def load_npz(path: Path) -> ArrayDataset:
    """Return the data set in the file ``path``, read whole.

    Its arrays: ``train_images``, ``train_labels``, ``test_images``, ``test_labels``, or as Keras calls them
    ``x_train``, ``y_train``, ``x_test``, ``y_test``; those of train may be absent, and those of ``val`` are left aside.
    Images (n, channels, height, width), or (n, height, width) of one channel: uint8 from 0 to 255, or floating-point
    numbers in [0, 1], which are kept as float32; where all integers are 0 or 1, 1 is white. Labels (n,) are integers
    from 0 on. There are as many classes as ``class_names`` has texts; without it, one more than the largest label, and
    each is called by its number.

    Raises :class:`InputError` for a file that is missing, damaged or holds other arrays than these.
    """
    arrays = {_KERAS.get(name, name): array for name, array in _read(path).items()}
    beside = sorted(arrays.keys() & _BESIDE)
    if beside:
        logger.warning("%s: the arrays %s are not looked at", path.name, ", ".join(beside))
        arrays = {name: array for name, array in arrays.items() if name not in beside}
    known = {f"{split}_{what}" for split in _SPLITS for what in ("images", "labels")} | {_NAMES}
    unknown = sorted(arrays.keys() - known)
    if unknown:
        raise InputError(f"{path.name}: no array is called {unknown[0]!r}; there may be {', '.join(sorted(known))}")
    splits = [
        split for split in _SPLITS if split == "test" or f"{split}_images" in arrays or f"{split}_labels" in arrays
    ]
    pixels = {split: _images(arrays, split, path.name) for split in splits}
    labels = {split: _labels(arrays, split, path.name, len(pixels[split])) for split in splits}
    return of_arrays(path.name, pixels, labels, _class_names(arrays, labels, path.name))


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise not_there(path, ARRAYS)
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except _UNREADABLE as error:
        reason = (str(error).splitlines() or ["it ends too soon"])[0]
        raise InputError(f"{path.name} is no file of arrays by numpy.savez: {reason[:120]}") from None


def _images(arrays: Arrays, split: str, file: str) -> np.ndarray:
    """Return the images of a split: uint8, or float32 in [0, 1]."""
    name = f"{split}_images"
    images = _array(arrays, name, file)
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise InputError(
            f"{file}: {name} is {images.shape}; (n, channels, height, width) or (n, height, width) is wanted"
        )
    if images.ndim == 4 and images.shape[3] in _CHANNELS and images.shape[1] not in _CHANNELS:
        raise InputError(f"{file}: {name} is {images.shape}, with the channels last; they are wanted behind n")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise InputError(f"{file}: {name} is {images.dtype}; uint8 from 0 to 255 or floats in [0, 1] are wanted")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):  # also where one is no number
        raise InputError(f"{file}: {name} has values from {low:g} to {high:g}; floats are wanted in [0, 1]")
    return images.astype(np.float32)


def _labels(arrays: Arrays, split: str, file: str, count: int) -> np.ndarray:
    """Return the labels (n,) int64 of a split."""
    name = f"{split}_labels"
    labels = _array(arrays, name, file)
    if labels.dtype.kind not in "iu":
        raise InputError(f"{file}: {name} is {labels.dtype}; integers from 0 on are wanted")
    labels = labels[:, 0] if labels.shape == (count, 1) else labels
    if labels.shape != (count,):
        raise InputError(f"{file}: {name} is {labels.shape}; ({count},) is wanted, a label for each image")
    if labels.min() < 0 or labels.max() > _LARGEST_LABEL:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise InputError(f"{file}: {name} has the label {wrong}; they go from 0 to {_LARGEST_LABEL} at most")
    return labels.astype(np.int64)


def _array(arrays: Arrays, name: str, file: str) -> np.ndarray:
    if name not in arrays:
        raise InputError(f"{file} lacks the array {name}; it has {', '.join(arrays) or 'none'}")
    return arrays[name]


def _class_names(arrays: Arrays, labels: Arrays, file: str) -> tuple[str, ...]:
    largest = max(int(of.max()) for of in labels.values())
    if _NAMES not in arrays:
        names = tuple(map(str, range(largest + 1)))
    else:
        given = arrays[_NAMES]
        if given.ndim != 1 or given.dtype.kind != "U":
            raise InputError(f"{file}: {_NAMES} is {given.dtype} of shape {given.shape}; a list of texts is wanted")
        names = tuple(map(str, given))
        wrong = next((name for name in names if not is_plain(name)), None)
        if wrong is not None:
            raise InputError(
                f"{file}: {_NAMES} has {wrong[:60]!r}; text without control characters or lone surrogates is wanted"
            )
    if len(names) < 2:
        raise InputError(f"{file} has {len(names)} class; two at least are wanted")
    if largest >= len(names):
        raise InputError(f"{file} has the label {largest}, but {_NAMES} names {len(names)} classes")
    return names
