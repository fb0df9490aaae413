"""A real S3 server on this machine, moto's, that tests start, with faults to order: errors, slow answers, cuts."""

import logging
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

STATUSES = ("500 Internal Server Error", "503 Slow Down", "429 Too Many Requests")
"""With which a server that is busy, or broken for the moment, answers."""

Fault = Callable[[dict[str, Any]], str | None]
"""Says of a request what happens to it: a status such as ``503 Slow Down``, ``cut`` before or ``lost`` after it took
effect, or None for nothing."""


@dataclass
class Server:
    """A server that runs in a thread of this process."""

    url: str
    fault: Fault | None = None
    delay: float = 0.0
    requests: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead here."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "name-of-a-key",
            "AWS_SECRET_ACCESS_KEY": "secret-of-a-key",
            "AWS_REGION": "us-east-1",
        }

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT")):
            pass

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Have requests that come while the block runs meet a fault."""
        self.fault = fault
        try:
            yield
        finally:
            self.fault = None

    def application(self, inner: Any) -> Any:
        def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
            time.sleep(self.delay)
            fault = self.fault(environ) if self.fault is not None else None
            if fault == "cut":
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            elif fault == "lost":
                list(inner(environ, lambda *arguments: None))
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            elif fault is not None:
                start(fault, [("Content-Length", "0")])
                return [b""]
            return inner(environ, start)

        return answer


def times(count: int, fault: str, *, of: str = "") -> Fault:
    """Return the fault that so many requests meet, of those whose method and path start with ``of``."""
    left = count

    def meets(environ: dict[str, Any]) -> str | None:
        nonlocal left
        if left == 0 or not f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}".startswith(of):
            return None
        left -= 1
        return fault

    return meets


@contextmanager
def s3_server() -> Iterator[Server]:
    """Start a server on a free port of the loopback interface; its buckets are in memory."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = Server("")
    application = server.application(DomainDispatcherApplication(create_backend_app))
    serving = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    serving.daemon_threads = True
    server.url = f"http://127.0.0.1:{serving.server_port}"
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        serving.shutdown()
        thread.join()
        serving.server_close()
