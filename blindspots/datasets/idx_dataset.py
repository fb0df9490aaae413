"""The data sets that are four IDX files, as MNIST is."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from blindspots.datasets.archive import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, Archive
from blindspots.datasets.idx import decompressed, files_called, parse_idx
from blindspots.datasets.in_memory import ArrayDataset, of_arrays
from blindspots.datasets.sources import fetch
from blindspots.errors import InputError

_NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


def load_idx(archive: Archive, *, folder: Path | None = None) -> ArrayDataset:
    """Return the data set of ``archive`` from ``folder`` or by the ways of :mod:`.sources`.

    Raises :class:`InputError` for files that are not the originals, or where they cannot be had.
    """
    files = fetch(archive, folder)
    arrays = {file: parse_idx(content, file) for file, content in files.items()}
    return ArrayDataset(
        name=archive.name,
        class_names=archive.classes,
        sha256=hashlib.sha256("".join(archive.files.values()).encode()).hexdigest(),
        pixels={"train": arrays[TRAIN_IMAGES], "test": arrays[TEST_IMAGES]},
        classes_of={"train": arrays[TRAIN_LABELS], "test": arrays[TEST_LABELS]},
    )


def idx_files_in(folder: Path) -> dict[str, Path]:
    """Return the four IDX files of a data set in a folder of one's own, laid out as :func:`.files_called` says.

    All four lie in one folder, which is the one named where they lie in that; none where one of them lacks. Raises
    :class:`InputError` where they lie in several, or are spread over them: they might be of several data sets.
    """
    found: dict[Path, dict[str, Path]] = {}
    for name in _NAMES if folder.is_dir() else ():
        for path in files_called(name, folder):
            unpacked = path.parent != folder and path.parent.name in (name, name.replace("-idx", ".idx"))
            found.setdefault(path.parent.parent if unpacked else path.parent, {}).setdefault(name, path)
    whole = [each for each in found if len(found[each]) == len(_NAMES)]
    if folder in whole or len(whole) == 1:
        return found[folder if folder in whole else whole[0]]
    if whole:
        raise InputError(f"{folder} holds {len(whole)} data sets, {_places(whole, folder)}: name the folder of one")
    if all(any(name in files for files in found.values()) for name in _NAMES):
        raise InputError(f"{folder}: its IDX files lie in {_places(found, folder)}; all four are wanted in one folder")
    return {}


def load_idx_folder(folder: Path) -> ArrayDataset:
    """Return the data set of the four IDX files in a folder, such as KMNIST's; its classes are called by their numbers.

    Raises :class:`InputError` for files that are damaged, or of other shapes than images (n, height, width) and as many
    labels.
    """
    arrays = {name: _parsed(path) for name, path in idx_files_in(folder).items()}
    for images, labels in ((TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)):
        if arrays[images].ndim != 3 or arrays[labels].shape != arrays[images].shape[:1] or not arrays[images].size:
            shapes = f"{arrays[images].shape} and {arrays[labels].shape}"
            raise InputError(f"{folder}: {images} and {labels} are {shapes}; (n, height, width) and (n,) are wanted")
    return of_arrays(
        folder.name,
        {"train": arrays[TRAIN_IMAGES], "test": arrays[TEST_IMAGES]},
        {"train": arrays[TRAIN_LABELS].astype("int64"), "test": arrays[TEST_LABELS].astype("int64")},
    )


def _places(places: Iterable[Path], folder: Path) -> str:
    return " and ".join(sorted(place.relative_to(folder).as_posix() for place in places))


def _parsed(path: Path) -> np.ndarray:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    return parse_idx(decompressed(content, str(path)), str(path))
