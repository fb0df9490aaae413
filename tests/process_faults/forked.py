"""The command line in processes that are forked from one that has imported all it needs: a trial costs no imports.

Importing takes as long as a small study. What is forked is a whole process: a session and a group of its own, its own
output, an exit code; only its first seconds are saved.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.flows.conftest import HOUSE

_IMPORTED = "import dask.array, jinja2, numba, torch, xarray, zarr, blindspots.jobs.run, flows.here, flows.local_run, "
_IMPORTED += "flows.study, blindspots.distortion, blindspots.negatives, blindspots.spectral, blindspots.tables"


class Run:
    """A run of the command line, to be used as ``subprocess.Popen`` is."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.pid = pid
        self._folder = folder
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, None while it has not."""
        if self.returncode is None:
            with contextlib.suppress(FileNotFoundError, ValueError):
                self.returncode = int((self._folder / "code").read_text())
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the end."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("blindspots", timeout)
            time.sleep(0.05)
        return code

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for the end, and return what was said on both streams."""
        self.wait(timeout)
        out, err = ((self._folder / name).read_text(errors="replace") for name in ("out", "err"))
        return out, err

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


class Forked:
    """The process that all are forked from."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.process_faults.forked"],
            env=environment,
            cwd=HOUSE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, environment: dict[str, str], *arguments: str) -> Run:
        """Start the command line with its arguments."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        with self._asking:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps([str(folder), environment, arguments]) + "\n")
            self._process.stdin.flush()
            return Run(int(self._process.stdout.readline()), folder)

    def in_an(self, environment: dict[str, str]) -> "ForkedCommandLine":
        """Return the command line in an environment, to be used as one in processes that are started anew."""
        return ForkedCommandLine(self, environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@dataclass(frozen=True)
class ForkedCommandLine:
    """``blindspots`` in forked processes."""

    forked: Forked
    environment: dict[str, str]

    def start(self, *arguments: str) -> Run:
        """Start it with its arguments."""
        return self.forked.start(self.environment, *arguments)


def _minded(folder: Path, environment: dict[str, str], arguments: list[str], answers: int) -> None:
    """Fork the command line, say its number, and write down how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(answers)
        os._exit(_command_line(folder, environment, arguments))
    os.write(answers, f"{pid}\n".encode())
    os.close(answers)
    _, status = os.waitpid(pid, 0)
    (folder / "writing").write_text(str(os.waitstatus_to_exitcode(status)))
    (folder / "writing").rename(folder / "code")


def _command_line(folder: Path, environment: dict[str, str], arguments: list[str]) -> int:
    """Be the command line, as a process that was started anew is."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in ((0, os.devnull), (1, folder / "out"), (2, folder / "err")):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # where temporary files go is asked of the environment once
    from flows.cli import main
    from flows.environment import set_defaults

    set_defaults()

    code: Any = 1
    try:
        main(arguments)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
        _at_exit()
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _at_exit() -> None:
    import atexit

    atexit._run_exitfuncs()


def serve() -> None:
    """Fork a command line for each line on the standard input, until that ends."""
    answers = os.dup(1)
    os.dup2(2, 1)
    exec(_IMPORTED, {})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in iter(sys.stdin.readline, ""):
        folder, environment, arguments = json.loads(line)
        if os.fork() == 0:
            try:
                _minded(Path(folder), environment, arguments, answers)
            finally:
                os._exit(0)


if __name__ == "__main__":
    serve()
