"""The extra ``workflow``, Ray and Prefect, which is not installed everywhere: what needs it says so at once."""

from importlib.util import find_spec

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
