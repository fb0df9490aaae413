"""A Prefect server for one run, where the user has none: started before the slow imports, gone with the run.

Prefect would start one itself, but only once it is imported and a flow begins; on two cores that is ten seconds later.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SECONDS = 180
_SETTINGS = ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE")
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def is_configured() -> bool:
    """Tell whether the user has settings of Prefect's that may name a server: then Prefect itself decides."""
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    if any(name in os.environ for name in _SETTINGS) or (home / "profiles.toml").exists():
        return True
    settings = (("prefect.toml", ""), (".env", "PREFECT_"), ("pyproject.toml", "[tool.prefect"))
    return any(_holds(Path(name), text) for name, text in settings)


def _holds(path: Path, text: str) -> bool:
    try:
        return text in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


class LocalServer:
    """A server on a free port of this machine."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}/api"
        port = self.url.removesuffix("/api").rpartition(":")[2]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port),
                *("--no-ui", "--no-scheduler", "--no-late-runs", "--log-level", "ERROR"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the run, which then still has to tell the server
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )

    def wait(self) -> None:
        """Return once the server answers; raise ``RuntimeError`` where it does not come up."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(
            f"the Prefect server for this run did not come up within {_SECONDS} s; "
            "start one with `prefect server start` to see why, and name it in PREFECT_API_URL"
        )

    def stop(self) -> None:
        """Stop the server."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def server_for_a_run() -> Iterator[LocalServer | None]:
    """Start a server and name it in ``PREFECT_API_URL``, unless the user has settings of his own; stop it after."""
    if is_configured():
        yield None
        return
    server = LocalServer()
    os.environ["PREFECT_API_URL"] = server.url
    try:
        yield server
    finally:
        del os.environ["PREFECT_API_URL"]
        server.stop()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)
