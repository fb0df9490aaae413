"""A Prefect server that is named is asked whether it is there, before any work."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError

from blindspots.errors import InputError
from flows.local_server import (
    LocalServer,
    ServerFailedError,
    require_server,
    server_failures_in_a_line,
    server_for_a_run,
)
from tests.flows.conftest import free_port, wait_for


class Answering(BaseHTTPRequestHandler):
    """Answers at one page with the status that the test wants."""

    status = 200
    body = b"true"
    asked: list[str]

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(self.path)
        self.send_response(302 if self.path == "/moved/health" else self.status)
        if self.path == "/moved/health":
            self.send_header("Location", "/login")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def answering() -> Iterator[tuple[str, type[Answering]]]:
    """The address of a server of HTTP, and what it is to answer."""
    handler = type("Handler", (Answering,), {"asked": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api", handler
    server.shutdown()


@pytest.mark.parametrize("status", [200, 401, 503])
def test_a_server_that_answers_is_there(answering: tuple[str, type[Answering]], status: int) -> None:
    url, handler = answering
    handler.status = status  # a server may want a token first, which is Prefect's to give
    require_server(url)
    assert handler.asked == ["/api/health"]


def test_what_has_no_such_page_is_no_server_of_prefect(answering: tuple[str, type[Answering]]) -> None:
    url, handler = answering
    handler.status = 404
    with pytest.raises(InputError, match="404 at /health, so it is none of Prefect's"):
        require_server(url)


@pytest.mark.parametrize("body", [b"<html>the UI</html>", b"", b'{"status": "ok"}'])
def test_what_answers_something_else_is_no_server_of_prefect(
    answering: tuple[str, type[Answering]], body: bytes
) -> None:
    """Such as the pages beside the API, whose address lacks its end: a run would begin, and end in a traceback."""
    url, handler = answering
    handler.body = body
    with pytest.raises(InputError, match=r"what answers there is no Prefect API, whose address ends in /api\); start"):
        require_server(url)
    require_server(f"{url.removesuffix('/api')}/moved")  # to where one logs in


def test_a_server_that_is_down_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    monkeypatch.setenv("PREFECT_API_URL", url)
    refused = rf"^no Prefect server answers at PREFECT_API_URL={url} \(Connection refused\)"
    with pytest.raises(InputError, match=refused), server_for_a_run():
        pytest.fail("a run began")


@pytest.mark.parametrize("named", [True, False])
def test_a_home_that_cannot_be_written_is_said(named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    monkeypatch.setenv("HOME", "/dev/null")
    if named:
        monkeypatch.setenv("PREFECT_HOME", "/dev/null/there")
    folder = "/dev/null/there" if named else "/dev/null/.prefect"
    refused = rf"^the folder {folder}, .* cannot be written \(Not a directory\); name another in PREFECT_HOME, or"
    with pytest.raises(InputError, match=refused), server_for_a_run():
        pytest.fail("a run began")


def test_a_home_that_is_not_known_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", "~nobody-of-this-name/prefect")
    refused = r"^~nobody-of-this-name/prefect: .* is not known here; name Prefect's folder in PREFECT_HOME$"
    with pytest.raises(InputError, match=refused), server_for_a_run():
        pytest.fail("a run began")


@pytest.mark.parametrize(
    ("command", "text"), [("run", b"active = [[["), ("run", b"profiles = 3"), ("serve", b"\xff\xfe")]
)
def test_settings_that_cannot_be_read_are_a_line(
    command: str, text: bytes, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "profiles.toml").write_bytes(text)
    (tmp_path / "s").mkdir()  # a root that is there, where it is not known yet whether there is work
    process = subprocess.run(
        [sys.executable, "-m", "flows.cli", command, "quick", "--root", f"{tmp_path}/s"],
        env={**environment, "PREFECT_HOME": f"{tmp_path}/prefect"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2
    said = process.stderr.splitlines()[-1]  # Prefect may have a line of its own before
    assert "Traceback" not in process.stderr
    assert said.startswith("blindspots: Prefect cannot read its settings (")
    assert f"); mend {tmp_path}/prefect/profiles.toml or" in said


def test_a_server_that_ends_at_once_is_said_to_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    server = LocalServer()
    with pytest.raises(InputError, match="the Prefect server for this run ended with 1 before it came up"):
        server.wait()
    server.stop()


@pytest.mark.parametrize("url", ["not-a-url", "127.0.0.1:4200/api", "http://", "file:///etc"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match=r"an address begins with http:// or https://"):
        require_server(url)


def test_an_address_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"PREFECT_API_URL=http://\[::1/api \(Invalid IPv6 URL\); start one"):
        require_server("http://[::1/api")


def test_what_answers_no_http_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            there, _ = listening.accept()
            there.recv(1000)
            there.sendall(b"SSH-2.0-OpenSSH\r\n")
            there.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(InputError, match="no Prefect server answers"):
            require_server(f"http://127.0.0.1:{listening.getsockname()[1]}/api")


@pytest.mark.parametrize("command", ["run", "serve"])
def test_the_command_line_says_it_on_one_line(command: str, environment: dict[str, str], tmp_path: object) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "flows.cli", command, "quick", "--root", f"{tmp_path}/s"],
        env={**environment, "PREFECT_API_URL": "http://127.0.0.1:9/api"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert process.stderr.startswith("blindspots: no Prefect server answers at PREFECT_API_URL=http://127.0.0.1:9/api")
    assert len(process.stderr.splitlines()) == 1


def test_servers_side_by_side_have_databases_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the user's, nor each other's; a run after them finds the first one's with its tables made."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_DATABASE_CONNECTION_URL", raising=False)
    monkeypatch.setattr(sys, "executable", "/usr/bin/env")
    started: list[str] = []
    real = subprocess.Popen

    def start(command: list[str], **named: Any) -> subprocess.Popen[bytes]:
        started.append(named["env"]["PREFECT_API_DATABASE_CONNECTION_URL"])
        return real(["/bin/true"], **named)

    monkeypatch.setattr(subprocess, "Popen", start)
    one, other = LocalServer(), LocalServer()
    assert started[0] == f"sqlite+aiosqlite:///{tmp_path}/blindspots.db"
    assert started[1] not in (started[0], f"sqlite+aiosqlite:///{tmp_path}/prefect.db")
    assert Path(started[1].removeprefix("sqlite+aiosqlite:///")).parent.is_dir()
    wait_for(one.lost, 10)
    assert one.lost() == "the Prefect server of this run"
    one.stop()
    other.stop()
    assert not Path(started[1].removeprefix("sqlite+aiosqlite:///")).parent.exists()
    LocalServer().stop()
    assert started[2] == started[0]


@pytest.mark.parametrize("busy", [True, False])
def test_what_a_server_fails_with_is_one_line(busy: bool) -> None:
    asked = httpx.Request("POST", "http://127.0.0.1:4200/api/task_runs/")
    failure: httpx.HTTPError = httpx.ConnectError("All connection attempts failed", request=asked)
    if busy:
        answer = httpx.Response(503, request=asked, json={"exception_message": "Service Unavailable"})
        with pytest.raises(httpx.HTTPStatusError) as status:
            answer.raise_for_status()
        failure = PrefectHTTPStatusError.from_httpx_error(status.value)
    with pytest.raises(ServerFailedError, match=r"^the Prefect server failed \(.*\); what is done is kept") as failed:
        _fail(failure)
    assert "\n" not in str(failed.value)
    assert ("503" if busy else "All connection attempts failed") in str(failed.value)


def test_so_is_what_is_no_api_at_all() -> None:
    with pytest.raises(ServerFailedError, match=r"^the Prefect server failed \(Failed to reach API at http"):
        _fail(RuntimeError("Failed to reach API at http://127.0.0.1:80"))
    failed = r"^the Prefect server failed \(Expecting value"
    with pytest.raises(ServerFailedError, match=failed), server_failures_in_a_line():
        httpx.Response(200, text="<html>").json()


def test_a_defect_stays_one() -> None:
    with pytest.raises(RuntimeError, match=r"^a defect$"):
        _fail(RuntimeError("a defect"))
    with pytest.raises(json.JSONDecodeError), server_failures_in_a_line():
        json.loads("<html>")


@server_failures_in_a_line()
def _fail(failure: Exception) -> None:
    raise failure
