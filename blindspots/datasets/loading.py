"""A data set by its name, or out of a file."""

from functools import lru_cache
from pathlib import Path

from blindspots.datasets.archive import ARCHIVES
from blindspots.datasets.dataset import Dataset
from blindspots.datasets.idx_dataset import load_idx
from blindspots.datasets.npz import load_npz
from blindspots.errors import InputError


def load_dataset(name: str, *, folder: Path | None = None) -> Dataset:
    """Return the data set ``name``: mnist, fashion-mnist, or the path of an ``.npz`` file of arrays.

    ``folder``: where the files of a named one lie, instead of the ways of :mod:`.sources`; a file of arrays that is not
    at its path is looked for there too. Raises :class:`InputError` for another name, for files that are not what they
    should be, or where they cannot be had.
    """
    if name.endswith(".npz"):
        path = Path(name).expanduser()
        handed_over = None if folder is None else folder.expanduser() / path.name
        return load_npz(handed_over if handed_over is not None and handed_over.is_file() else path)
    if name not in ARCHIVES:
        raise InputError(
            f"no data set is called {name!r}; there are {', '.join(ARCHIVES)}, and yours by the path of an .npz file"
        )
    return load_idx(ARCHIVES[name], folder=folder)


@lru_cache(maxsize=2)
def dataset_once(name: str, folder: Path | None) -> Dataset:
    """Return :func:`load_dataset`'s, read once a process: nobody writes to it."""
    return load_dataset(name, folder=folder)
