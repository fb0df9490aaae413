"""Serving the pages to this machine alone, by Starlette and uvicorn."""

import socket
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING

from blindspots.errors import BlindspotsError, InputError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from blindspots.explorer.pages import Explorer

ADDRESS = "127.0.0.1"
_LIBRARIES = ("starlette", "uvicorn")
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",  # the next study may be served at the same address
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""A browser is told to ask nothing of anyone but this server, and to run no script."""


def check_libraries() -> None:
    """Raise :class:`InputError`, with the command that installs them, where the libraries are not there."""
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise InputError(f"blindspots explore needs {' and '.join(missing)}: pip install 'blindspots[explore]'")


def listening(port: int) -> socket.socket:
    """Return a socket that listens on the loopback interface; ``port`` 0 is any that is free.

    Raises :class:`InputError` where the port cannot be had.
    """
    opened = socket.socket()
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was left a moment ago is free
        opened.bind((ADDRESS, port))
        opened.listen()
    except OSError as error:
        opened.close()
        raise InputError(f"--port {port} cannot be used: {error.strerror or error}; name another") from None
    return opened


def application(explorer: "Explorer") -> "Starlette":
    """Return the pages as an application for a server."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import Response
    from starlette.routing import Route

    lock = Lock()  # one visitor, whose browser asks for many pictures at once

    def answer(make: "Callable[[Request], str | bytes]", kind: str, request: "Request") -> Response:
        try:
            with lock:
                content = make(request)
        except BlindspotsError as error:
            code = 400 if isinstance(error, InputError) else 503
            return Response(explorer.refusal(str(error)), code, _HEADERS, "text/html")
        return Response(content, 200, _HEADERS, kind)

    def page(make: "Callable[[list[tuple[str, str]]], str]") -> "Callable[[Request], Response]":
        return partial(answer, lambda request: make(request.query_params.multi_items()), "text/html")

    def picture(request: "Request") -> bytes:
        return explorer.picture(request.path_params["kind"], request.query_params.multi_items())

    return Starlette(
        routes=[
            Route("/", page(explorer.set_page)),
            Route("/image", page(explorer.image_page)),
            Route("/picture/{kind}.png", partial(answer, picture, "image/png")),
            Route("/style.css", partial(answer, lambda _: explorer.style(), "text/css")),
        ],
        # a page of the web whose name leads to this machine is no visitor
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[ADDRESS, "localhost"])],
    )


def serve(pages: "Starlette", opened: socket.socket) -> None:
    """Serve an application at a socket that listens, until Ctrl-C."""
    import uvicorn

    config = uvicorn.Config(pages, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    try:
        uvicorn.Server(config).run(sockets=[opened])
    except KeyboardInterrupt:  # the way to end it
        pass
    finally:
        opened.close()
