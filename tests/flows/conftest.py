"""A real Prefect server, and the command line as a process of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from blindspots.study.study import Study
from flows.cli import main
from tests.conftest import made_once

HOUSE = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Any, seconds: float, step: float = 0.2) -> Any:
    """Call ``what`` until it returns something true, and return that; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(step)
    pytest.fail(f"still waiting after {seconds} s for {getattr(what, '__name__', what)}")


def end(process: Any) -> None:
    """Stop a process and all that it started."""
    family = [process, *descendants(process.pid)]
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
    for member in family[1:]:
        if member.is_running():
            member.kill()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def actors(pid: int) -> list[psutil.Process]:
    """Return the Ray actors among the descendants of a process."""
    found = []
    for process in descendants(pid):
        try:
            if any("ray::" in part and "Worker" in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def listening(processes: Sequence[psutil.Process]) -> set[str]:
    """Return the addresses at which processes wait for anyone."""
    found = set()
    for process in processes:
        try:
            found |= {each.laddr.ip for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
        except psutil.Error:
            continue
    return found


def lay_out_database(home: Path) -> None:
    """Have Prefect lay out its database, which takes it twice as long as its server takes to come up with one."""
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    subprocess.run(command, env={**kept, "PREFECT_HOME": str(home)}, check=True, capture_output=True)


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Prefect keeps of nothing, to be copied."""
    return made_once("prefect-home", lay_out_database, tmp_path_factory)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, prefect_home: Path) -> dict[str, str]:
    """An environment without any setting of the user's own, and a Prefect home that nothing else uses."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RAY_"))}
    home = tmp_path_factory.mktemp("prefect") / "home"
    shutil.copytree(prefect_home, home)
    return {**kept, "PREFECT_HOME": str(home), "PREFECT_RUNNER_POLL_FREQUENCY": "1"}


def prefect_beside_this_package() -> list[str]:
    """How to start Prefect so that its server loads what this package offers it, as it does where that is installed.

    Where another version is installed than this checkout, whose entry points are others, it is imported by hand.
    """
    module = "flows.operating.at_the_trigger"
    if module in {each.value for each in entry_points(group="prefect.collections")}:
        return [sys.executable, "-m", "prefect"]
    code = f"import runpy, blindspots, {module}; runpy.run_module('prefect', run_name='__main__', alter_sys=True)"
    return [sys.executable, "-c", code]


@pytest.fixture(scope="session")
def server(environment: dict[str, str]) -> Iterator[str]:
    """The API address of a real Prefect server with a database of its own, where this package is installed too."""
    port = free_port()
    log = Path(environment["PREFECT_HOME"]) / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prefect_beside_this_package(), "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env={
                **environment,
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
                "DO_NOT_TRACK": "1",
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=environment["PREFECT_HOME"],
        )
        api = f"http://127.0.0.1:{port}/api"

        def is_up() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                return httpx.get(f"{api}/health", timeout=2).status_code == 200
            except httpx.HTTPError:
                return False

        try:
            wait_for(is_up, 600)
            yield api
        finally:
            end(process)


@pytest.fixture
def study_file(tiny: Study, tmp_path: Path) -> str:
    """The tiny study as a file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(json.dumps(tiny.model_dump(mode="json")))  # JSON is YAML
    return str(path)


def _hear_ctrl_c() -> None:
    """Undo what a shell does to the processes that it starts in the background: they ignore SIGINT, children too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


_ONE_AFTER_ANOTHER = """
import contextlib, io, json, sys
{first}
from flows.cli import main
said = []
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        try:
            main(arguments)
        except SystemExit as ended:
            assert ended.code == 0, (arguments, out.getvalue())
    said.append(out.getvalue())
print(json.dumps(said))
"""


def one_after_another(
    commands: Sequence[Sequence[str]], *, first: str = "", environment: Mapping[str, str] | None = None
) -> list[str]:
    """Run calls of the command line that succeed, all in one process of their own; return what each printed.

    ``first``: a line of Python that is run before anything is imported.
    """
    code = _ONE_AFTER_ANOTHER.format(first=first)
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([list(each) for each in commands])],
        capture_output=True,
        text=True,
        cwd=HOUSE,
        env=None if environment is None else dict(environment),
    )
    assert done.returncode == 0, done.stderr
    said: list[str] = json.loads(done.stdout.splitlines()[-1])
    return said


class CommandLine:
    """``blindspots`` in processes of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *arguments],
            env=self.environment,
            cwd=HOUSE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_hear_ctrl_c,
        )

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run to the end, hold the exit code against ``code`` and return what was printed on stdout."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=240)
        finally:
            end(process)
        assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
        return out

    def run(self, study: str, root: Path, *more: str) -> dict[str, Any]:
        """Run a study and return its outcome."""
        outcome: dict[str, Any] = json.loads(self("run", study, "--root", str(root), "--json", *more))
        return outcome


@pytest.fixture
def blindspots(environment: dict[str, str], server: str) -> CommandLine:
    """The command line, talking to the real server."""
    return CommandLine({**environment, "PREFECT_API_URL": server})


class Call:
    """A call of the command line."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run and return stdout, or stderr where something is to go wrong; hold the exit code against ``code``."""
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        said = self._capsys.readouterr()
        assert ended.value.code == code, said
        if code == 0:
            return said.out
        return said.err

    def refusal(self, *arguments: str) -> str:
        """Run what cannot be run; return the one line that says why."""
        line = self(*arguments, code=2)
        assert len(line.splitlines()) == 1, line
        assert line.startswith("blindspots: ")
        assert "Traceback" not in line
        return line


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    return Call(capsys)
