import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from blindspots.errors import InputError
from blindspots.explorer import serving
from blindspots.explorer.pages import Explorer
from blindspots.explorer.serving import application, check_libraries, listening
from blindspots.results import Results


def test_a_port_in_use_is_said() -> None:
    with listening(0) as other:
        port = other.getsockname()[1]
        assert other.getsockname()[0] == "127.0.0.1"
        with pytest.raises(InputError, match=f"--port {port} cannot be used: .*; name another"):
            listening(port)
    listening(port).close()


def test_libraries_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    check_libraries()
    monkeypatch.setattr(serving, "find_spec", lambda name: None if name == "uvicorn" else name)
    with pytest.raises(InputError, match=r"needs uvicorn: pip install 'blindspots\[explore\]'"):
        check_libraries()


class Client:
    """Asks an application as a browser does, without a server between."""

    def __init__(self, asked: Starlette) -> None:
        self.asked = asked

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.asked)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(answer())


@pytest.fixture(scope="module")
def client(tiny_root: Path) -> Iterator[Client]:
    with Results(tiny_root) as results:
        yield Client(application(Explorer(results)))


def test_all_that_pages_ask_for_is_there_and_nothing_of_others(client: Client) -> None:
    page = client.get("/?class=1")
    (image, *_) = re.findall(r'href="(/image[^"]+)"', page.text)
    other = client.get(image.replace("&amp;", "&"))
    for each in (page, other):
        assert each.status_code == 200
        assert each.headers["content-type"].startswith("text/html")
        assert each.headers["content-security-policy"].startswith(
            "default-src 'none'; style-src 'self'; img-src 'self'"
        )
        assert "<script" not in each.text
        places = re.findall(r'(?:href|src|action)="([^"]*)"', each.text)
        assert places
        assert all((place.startswith("/") and not place.startswith("//")) or place == "data:," for place in places)
        for picture in re.findall(r'src="([^"]+)"', each.text)[:3]:
            assert client.get(picture.replace("&amp;", "&")).headers["content-type"] == "image/png"
    assert client.get("/style.css").headers["content-type"].startswith("text/css")


def test_what_cannot_be_shown_is_said_on_a_page(client: Client) -> None:
    answer = client.get("/?class=10")
    assert answer.status_code == 400
    assert "class = &#39;10&#39;: a number from 0 to 9 is wanted" in answer.text
    assert client.get("/picture/other.png?row=1").status_code == 400
    assert client.get("/other").status_code == 404


def test_pages_of_the_web_whose_name_leads_here_are_sent_away(client: Client) -> None:
    assert client.get("/", headers={"host": "pages.example"}).status_code == 400
    assert client.get("/", headers={"host": "localhost:8400"}).status_code == 200


def test_it_is_served_until_it_is_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    seen = []

    def run(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        seen.append(sockets[0].getsockname())
        raise KeyboardInterrupt

    monkeypatch.setattr(uvicorn.Server, "run", run)
    opened = listening(0)
    serving.serve(Starlette(), opened)
    assert seen[0][0] == "127.0.0.1"
    assert opened.fileno() == -1
