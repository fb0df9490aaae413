"""A Prefect server for one run, where the user has none: started before the slow imports, gone with the run.

Prefect would start one itself, but only once it is imported and a flow begins; on two cores that is ten seconds later.
"""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from blindspots.errors import BlindspotsError, InputError
from blindspots.paths import expanded
from tasks.fate import die_with_parent

_SECONDS, _KNOCK_SECONDS = 180, 5
_HOSTED = "prefect.cloud"  # which may keep the page of its health elsewhere
_MOST_SAID = 100  # bytes of an answer that says "true"
_SETTINGS = ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE")
_UNWATCHED = (
    *("CANCELLATION_CLEANUP", "EVENT_PERSISTER", "FOREMAN", "PAUSE_EXPIRATIONS", "REPOSSESSOR"),
    *("TASK_RUN_RECORDER", "TRIGGERS"),
)
"""Services of a server that keep what its pages show, and look after deployments: a run's own server has neither."""


def is_configured() -> bool:
    """Tell whether the user has settings of Prefect's that may name a server: then Prefect itself decides."""
    home = _home()
    if any(name in os.environ for name in _SETTINGS) or (home / "profiles.toml").exists():
        return True
    settings = (("prefect.toml", ""), (".env", "PREFECT_"), ("pyproject.toml", "[tool.prefect"))
    return any(_holds(Path(name), text) for name, text in settings)


def _home() -> Path:
    """Return the folder in which Prefect keeps its settings and its database."""
    return expanded(os.environ.get("PREFECT_HOME") or "~/.prefect", instead="name Prefect's folder in PREFECT_HOME")


def check_home() -> None:
    """Raise :class:`InputError` where Prefect could not write what it keeps, without which no server comes up."""
    home = _home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise InputError(
            f"the folder {home}, where Prefect keeps its database, cannot be written ({error.strerror or error}); name "
            "another in PREFECT_HOME, or do without Prefect by blindspots run --here"
        ) from None


def check_settings() -> None:
    """Raise :class:`InputError` where Prefect cannot read its settings, and would end in a traceback when imported."""
    try:
        _named_by_settings()
    except (ValueError, TypeError, AttributeError, LookupError, OSError) as error:  # what a damaged file leads to
        said = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise InputError(
            f"Prefect cannot read its settings ({said}); mend {_home() / 'profiles.toml'} or whatever else holds them, "
            "or name another folder in PREFECT_HOME"
        ) from None


def _holds(path: Path, text: str) -> bool:
    try:
        return text in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def require_server(url: str | None = None) -> None:
    """Raise :class:`InputError` where the server at ``url``, or that the user's settings name, does not answer.

    Prefect itself would try for a minute and more, and end in a traceback. No server may be named.
    """
    url = url or os.environ.get("PREFECT_API_URL") or _named_by_settings()
    wrong = _knock(url) if url else ""
    if wrong:
        raise InputError(
            f"no Prefect server answers at PREFECT_API_URL={url} ({wrong}); start one with `prefect server start`, "
            "whose address is http://127.0.0.1:4200/api, or unset it for a server of the run's own"
        )


def _named_by_settings() -> str | None:
    from prefect.settings import get_current_settings

    return get_current_settings().api.url


def _knock(url: str) -> str:
    """Return why no server of Prefect's answers at an address; nothing where one does, or may once one logs in."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "an address begins with http:// or https://"
    try:
        asked = f"{url.rstrip('/')}/health"
        with urllib.request.urlopen(asked, timeout=_KNOCK_SECONDS) as answer:
            sent_on = answer.geturl() != asked  # to where one logs in, say, which is Prefect's to do
            healthy = sent_on or _HOSTED in url or answer.read(_MOST_SAID).strip() == b"true"
            return "" if healthy else "what answers there is no Prefect API, whose address ends in /api"
    except urllib.error.HTTPError as error:
        return "404 at /health, so it is none of Prefect's" if error.code == 404 and _HOSTED not in url else ""
    except urllib.error.URLError as error:
        certificate = isinstance(error.reason, ssl.SSLError)  # Prefect may know it, or be told not to look
        return "" if certificate else str(getattr(error.reason, "strerror", None) or error.reason)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__


class ServerFailedError(BlindspotsError, RuntimeError):
    """A Prefect server answered a run with an error, or not at all, after all retries; what is done is kept."""


@contextmanager
def server_failures_in_a_line() -> Iterator[None]:
    """Have what a Prefect server fails with while the block runs be a :class:`ServerFailedError`, in one line."""
    import httpx

    try:
        yield
    except (httpx.HTTPError, RuntimeError, json.JSONDecodeError) as error:
        if not isinstance(error, httpx.HTTPError) and not _is_of_an_answer(error):
            raise
        said = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise ServerFailedError(
            f"the Prefect server failed ({said}); what is done is kept, and the next run goes on"
        ) from error


def _is_of_an_answer(error: Exception) -> bool:
    """Tell whether Prefect found no API where it asked, or something that answers in another tongue than JSON."""
    if isinstance(error, RuntimeError):
        return "Failed to reach API" in str(error)
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.name == "json" and "httpx" in frame.filename for frame in frames)


class LocalServer:
    """A server on a free port of this machine."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}/api"
        self._database = _Database()
        port = self.url.removesuffix("/api").rpartition(":")[2]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port),
                *("--no-ui", "--no-scheduler", "--no-late-runs", "--log-level", "ERROR"),
            ],
            env={
                "PREFECT_API_DATABASE_CONNECTION_URL": self._database.url,
                **{f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in _UNWATCHED},
                **os.environ,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the run, which then still has to tell the server
            preexec_fn=partial(die_with_parent, signal.SIGTERM) if sys.platform == "linux" else None,
        )

    def wait(self) -> None:
        """Return once the server answers; raise :class:`InputError` where it does not come up."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        ended = self._process.poll()
        what = f"did not come up within {_SECONDS} s" if ended is None else f"ended with {ended} before it came up"
        raise InputError(
            f"the Prefect server for this run {what}; "
            "start one with `prefect server start` to see why, and name it in PREFECT_API_URL"
        )

    def lost(self) -> str | None:
        """Return what the server is called, where it has ended."""
        return None if self._process.poll() is None else "the Prefect server of this run"

    def kill(self) -> None:
        """Kill the server at once."""
        self._process.kill()

    def stop(self) -> None:
        """Stop the server."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._database.close()


class _Database:
    """The database of a run's own server: never the user's, which another server may be at work in.

    It is kept beside that, so that it has its tables already; where another run is at work in it, a new one is made,
    and gone with the run.
    """

    def __init__(self) -> None:
        folder = _home()
        folder.mkdir(parents=True, exist_ok=True)
        self._lock, self._folder = FileLock(folder / "blindspots.lock", timeout=0), None
        try:
            self._lock.acquire()
            path = folder / "blindspots.db"
        except Timeout:
            self._folder = tempfile.TemporaryDirectory(prefix="blindspots-prefect-")
            path = Path(self._folder.name) / "prefect.db"
        self.url = f"sqlite+aiosqlite:///{path}"

    def close(self) -> None:
        """Let the database go."""
        self._lock.release()
        if self._folder is not None:
            self._folder.cleanup()


@contextmanager
def server_for_a_run() -> Iterator[LocalServer | None]:
    """Start a server and name it in ``PREFECT_API_URL``, unless the user has settings of his own; stop it after.

    Raises :class:`InputError` where these name a server that does not answer, or Prefect's folder cannot be written.
    """
    check_home()
    if is_configured():
        require_server()
        yield None
        return
    server = LocalServer()
    os.environ["PREFECT_API_URL"] = server.url
    try:
        yield server
    finally:
        del os.environ["PREFECT_API_URL"]
        server.stop()
