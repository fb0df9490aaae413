"""Files of weights from the web: fetched once, verified, and what cannot be had."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from blindspots.errors import InputError
from blindspots.models.fetching import fetch_weights


class Server:
    """A web server on this machine that counts what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked = 0
        server = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                super().do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Handler(*a, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, str]]:
    """A server of the file w.safetensors, and its SHA-256; an empty cache."""
    monkeypatch.setenv("BLINDSPOTS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "web"
    folder.mkdir()
    save_file({"a": torch.rand(100)}, folder / "w.safetensors")
    server = Server(folder)
    yield server, hashlib.sha256((folder / "w.safetensors").read_bytes()).hexdigest()
    server.http.shutdown()
    server.http.server_close()


@pytest.mark.parametrize("digits", [8, 13, 64])
def test_a_file_is_fetched_once(web: tuple[Server, str], digits: int, tmp_path: Path) -> None:
    server, sha256 = web
    path = fetch_weights(f"{server.address}w.safetensors?download=true", sha256[:digits].upper())
    assert fetch_weights(f"{server.address}w.safetensors", sha256) == path
    assert path == tmp_path / "cache" / "weights" / f"{sha256[:8]}-w.safetensors"
    assert server.asked == 1
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def test_a_damaged_copy_is_fetched_again(
    web: tuple[Server, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, sha256 = web
    path = fetch_weights(f"{server.address}w.safetensors", sha256)
    path.write_bytes(path.read_bytes()[:100])
    assert fetch_weights(f"{server.address}w.safetensors", sha256) == path
    assert server.asked == 2
    assert "is damaged, or of another sha256; it is fetched again" in caplog.text
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256


@pytest.mark.parametrize("of_8", [True, False])
def test_another_file_is_neither_used_nor_kept(web: tuple[Server, str], of_8: bool, tmp_path: Path) -> None:
    server, sha256 = web
    wanted = ("0" * 8) if of_8 else sha256[:-1] + "0"
    assert wanted != sha256
    with pytest.raises(InputError, match=rf"is not the file that was meant: its sha256 is {sha256}, not {wanted}"):
        fetch_weights(f"{server.address}w.safetensors", wanted)
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("path", "sha256", "wrong"),
    [
        ("gone.pth", "0" * 8, r"gone.pth cannot be had: 404"),
        ("w.safetensors", None, "the sha256 of .* is wanted"),
        ("w.safetensors", "0" * 7, "sha256 = '0000000'"),
        ("w.safetensors", "0" * 65, "64 hexadecimal digits are wanted"),
        ("w.safetensors", "x" * 64, "64 hexadecimal digits are wanted"),
        ("weights.zip", "0" * 64, "names no file of weights: it must end in"),
        ("", "0" * 64, "names no file of weights"),
    ],
)
def test_what_cannot_be_fetched_is_refused(web: tuple[Server, str], path: str, sha256: str | None, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        fetch_weights(web[0].address + path, sha256)


def test_an_address_must_lead_somewhere(
    web: tuple[Server, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"'http://\[::1/w.pth' is no address on the web: Invalid IPv6 URL"):
        fetch_weights("http://[::1/w.pth", "0" * 64)
    with pytest.raises(InputError, match=r"'ftp://x/w.pth' is no address on the web"):
        fetch_weights("ftp://x/w.pth", "0" * 8)
    server, sha256 = web
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(InputError, match=r"cannot be had: \[Errno \d+\] [\w ]+; get the file by other means"):
        fetch_weights(f"{server.address}w.safetensors", sha256)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BLINDSPOTS_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"the cache folder .* cannot be written"):
        fetch_weights(f"{server.address}w.safetensors", sha256)
