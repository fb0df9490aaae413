"""What is refused before anything that takes seconds is imported: commands without the extra, roots, missing data."""

from importlib.util import find_spec
from pathlib import Path

from blindspots.errors import InputError

_LIBRARIES = ("ray", "prefect")


def require_workflow(what: str, *, otherwise: str = "") -> None:
    """Raise :class:`InputError`, with the command that installs them, where Ray or Prefect is not there.

    ``what``: what needs them, as one would type it. ``otherwise``: the way without them, where there is one. Imports
    neither.
    """
    missing = [name.capitalize() for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise InputError(f"{what} needs {' and '.join(missing)}: pip install 'blindspots[workflow]'{otherwise}")


def require_study(root: str) -> None:
    """Raise :class:`InputError` where no study lies in ``root``."""
    from blindspots.store.place import Place
    from blindspots.store.root import study_in

    study_in(Place.at(root), root=root)


def require_root_and_data(root: str, dataset: str, data: Path | None) -> None:
    """Raise :class:`InputError` where ``root`` is none that a study can be run in, or the data are not there.

    ``data``: the folder that the user named for them.
    """
    from blindspots.datasets.sources import named_folder
    from blindspots.datasets.whereabouts import check_there
    from blindspots.store.place import Place
    from blindspots.store.root import stored

    stored(Place.at(root))
    check_there(dataset, named_folder() if data is None else data)
