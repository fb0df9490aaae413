"""Where a data set of one's own lies, and whether anything does: told before what takes seconds is imported."""

from pathlib import Path

from blindspots.errors import InputError
from blindspots.paths import expanded
from blindspots.study.study import DATASETS, is_arrays

ARRAYS, PICTURES = "a file of arrays that ends in .npz", "a folder of pictures, or a .csv file of paths and labels"

_OTHERS = {
    ".npy": "is one array; images and labels together are wanted, in a file of arrays that ends in .npz: "
    "numpy.savez(path, test_images=..., test_labels=...)",
    ".csv.gz": "is a packed table; unpack it, and name the .csv file",
}
"""Files that come near to what is read, by how their names end, and what to do with them."""


def located(name: str, folder: Path | None) -> Path:
    """Return where a data set of one's own lies: in ``folder``, where its name is there, or at its path.

    Raises :class:`InputError` for a file of another kind than those that are read, with what is wanted instead.
    """
    path = expanded(name)
    handed = None if folder is None else expanded(folder) / path.name
    path = handed if handed is not None and handed.exists() else path
    for suffix, wanted in _OTHERS.items():
        if path.name.lower().endswith(suffix) and not path.is_dir():
            raise InputError(f"the data set {path} {wanted}")
    return path


def check_there(name: str, folder: Path | None) -> None:
    """Raise :class:`InputError` where nothing lies at the path of a data set of one's own."""
    path = located(name, folder)
    if name not in DATASETS and not path.exists():
        raise not_there(path, ARRAYS if is_arrays(name) else PICTURES)


def not_there(path: Path, wanted: str) -> InputError:
    """Return what to say of a ``path`` that is not what is ``wanted`` there."""
    found = "does not exist" if not path.exists() else "is a folder" if path.is_dir() else "is no folder"
    return InputError(f"the data set {path} {found}; name {wanted}")
