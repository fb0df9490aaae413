import webbrowser
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from blindspots.explorer import serving
from tests.flows.conftest import Call


def test_the_page_is_served_and_its_address_said(call: Call, tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    opened: list[str] = []
    monkeypatch.setattr(serving, "serve", lambda pages, listener: served.append((pages, listener.getsockname())))
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    said = call("explore", str(tiny_root), "--port", "0")
    ((pages, address),) = served
    assert isinstance(pages, Starlette)
    assert opened == [f"http://127.0.0.1:{address[1]}"]
    assert said.startswith(f"{opened[0]} shows the study tiny")
    call("explore", str(tiny_root), "--port", "0", "--no-browser")
    assert len(opened) == 1


def test_what_cannot_be_explored_is_refused_on_one_line(
    call: Call, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no study in" in call.refusal("explore", str(tmp_path / "none"))
    with serving.listening(0) as other:
        port = str(other.getsockname()[1])
        assert f"--port {port} cannot be used" in call.refusal("explore", str(tiny_root), "--port", port)
    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    assert "pip install 'blindspots[explore]'" in call.refusal("explore", str(tiny_root))
