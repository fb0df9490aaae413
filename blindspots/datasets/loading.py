"""A data set by its name, or out of files of one's own."""

from functools import lru_cache
from pathlib import Path

from blindspots.datasets.archive import ARCHIVES
from blindspots.datasets.dataset import Dataset
from blindspots.datasets.idx_dataset import idx_files_in, load_idx, load_idx_folder
from blindspots.datasets.npz import load_npz
from blindspots.datasets.pixel_table import load_tables, tables_in
from blindspots.datasets.whereabouts import located
from blindspots.errors import InputError
from blindspots.study.pictures_spec import PicturesSpec
from blindspots.study.study import TABLE, is_arrays


def load_dataset(name: str, *, folder: Path | None = None, pictures: PicturesSpec | None = None) -> Dataset:
    """Return the data set ``name``: mnist, fashion-mnist, or the path of one's own.

    That is an ``.npz`` file of arrays, a folder of IDX files or of tables of pixels, such a ``.csv`` table, a folder of
    pictures, or a ``.csv`` file of their paths and labels; ``pictures``
    then says what is cut out of them, the size at least. ``folder``: where the files of a named data set lie, instead
    of the ways of :mod:`.sources`; one's own that is not at its path is looked for there too. Raises
    :class:`InputError` for another name, for files that are not what they should be, or where they cannot be had.
    """
    if name in ARCHIVES:
        return load_idx(ARCHIVES[name], folder=folder)
    path = located(name, folder)
    if is_arrays(name):
        return load_npz(path)
    if idx_files_in(path):
        return load_idx_folder(path)
    if tables_in(path):
        return load_tables(path)
    if path.suffix.lower() == TABLE or "/" in name or path.is_dir():
        from blindspots.datasets.pictures.dataset import load_pictures

        return load_pictures(path, pictures or PicturesSpec())
    raise InputError(
        f"no data set is called {name!r}; there are {', '.join(ARCHIVES)}, and yours by the path of an .npz file, "
        "of a folder of pictures, or of a .csv file of their paths and labels"
    )


@lru_cache(maxsize=16)
def holds_arrays(name: str, folder: Path | None) -> bool:
    """Tell whether a data set of one's own is images in arrays, of one size as they are, and not pictures in files.

    Looked at once a process, as the data set is.
    """
    path = located(name, folder)
    return name not in ARCHIVES and (is_arrays(name) or bool(idx_files_in(path) or tables_in(path)))


@lru_cache(maxsize=2)
def dataset_once(name: str, folder: Path | None, pictures: PicturesSpec | None = None) -> Dataset:
    """Return :func:`load_dataset`'s, read once a process: nobody writes to it."""
    return load_dataset(name, folder=folder, pictures=pictures)
