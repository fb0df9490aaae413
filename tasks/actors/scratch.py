"""The folder in which Ray puts its sockets, looked at before anything starts. Ray itself is not imported for it."""

import os
import sys
import tempfile

from blindspots.errors import InputError

_SOCKET_BYTES, _SOCKET_BYTES_MAC = 107, 103  # of a Unix socket's path


def check_scratch() -> None:
    """Raise :class:`InputError` where a Ray of the run's own could not put its sockets into its scratch folder.

    Their paths may have about a hundred letters, and folders on clusters are deep; Ray itself ends in a traceback, a
    minute later. Where a cluster is named or joined already, that has a folder of its own.
    """
    ray = sys.modules.get("ray")
    if os.environ.get("RAY_ADDRESS") or (ray is not None and ray.is_initialized()) or sys.platform == "win32":
        return
    variable = next((name for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)), "RAY_TMPDIR")
    folder = os.environ.get(variable) or "/tmp"
    longest = _SOCKET_BYTES_MAC if sys.platform == "darwin" else _SOCKET_BYTES
    room = longest - len(f"/ray/session_2000-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store")
    advice = f"name a folder of yours with a path of at most {room} letters in RAY_TMPDIR, such as /tmp"
    if len(os.fsencode(folder)) > room:
        raise InputError(f"{variable}={folder} is too deep for the sockets of Ray ({len(folder)} letters); {advice}")
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{variable}={folder}, the scratch folder of Ray, cannot be written ({error.strerror or error}); {advice}"
        ) from None
