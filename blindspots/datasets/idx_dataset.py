"""The data sets that are four IDX files, as MNIST is."""

import hashlib
from pathlib import Path

from blindspots.datasets.archive import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, Archive
from blindspots.datasets.idx import parse_idx
from blindspots.datasets.in_memory import ArrayDataset
from blindspots.datasets.sources import fetch


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
