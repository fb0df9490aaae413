"""A data set by its name, or out of files of one's own."""

from functools import lru_cache
from pathlib import Path

from blindspots.datasets.archive import ARCHIVES
from blindspots.datasets.dataset import Dataset
from blindspots.datasets.idx_dataset import load_idx
from blindspots.datasets.npz import load_npz
from blindspots.errors import InputError
from blindspots.study.pictures_spec import PicturesSpec


def load_dataset(name: str, *, folder: Path | None = None, pictures: PicturesSpec | None = None) -> Dataset:
    """Return the data set ``name``: mnist, fashion-mnist, or the path of one's own.

    That is an ``.npz`` file of arrays, a folder of pictures, or a ``.csv`` file of their paths and labels; ``pictures``
    then says what is cut out of them, the size at least. ``folder``: where the files of a named data set lie, instead
    of the ways of :mod:`.sources`; one's own that is not at its path is looked for there too. Raises
    :class:`InputError` for another name, for files that are not what they should be, or where they cannot be had.
    """
    if name in ARCHIVES:
        return load_idx(ARCHIVES[name], folder=folder)
    path = Path(name).expanduser()
    if folder is not None and (folder.expanduser() / path.name).exists():
        path = folder.expanduser() / path.name
    if name.endswith(".npz"):
        return load_npz(path)
    if name.endswith(".csv") or "/" in name or path.is_dir():
        from blindspots.datasets.pictures.dataset import load_pictures

        return load_pictures(path, pictures or PicturesSpec())
    raise InputError(
        f"no data set is called {name!r}; there are {', '.join(ARCHIVES)}, and yours by the path of an .npz file, "
        "of a folder of pictures, or of a .csv file of their paths and labels"
    )


@lru_cache(maxsize=2)
def dataset_once(name: str, folder: Path | None, pictures: PicturesSpec | None = None) -> Dataset:
    """Return :func:`load_dataset`'s, read once a process: nobody writes to it."""
    return load_dataset(name, folder=folder, pictures=pictures)
