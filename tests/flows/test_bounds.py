"""``blindspots bounds``: a model out of a file, in this process and by Ray actors under a real Prefect server."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.weights import load_weights, save_weights
from tests.flows.conftest import Call, CommandLine

NETWORK = """
from torch import nn

def make():
    return nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 3))

def strange():
    return nn.Sequential(make(), nn.RReLU(), nn.Fold((1, 3), 1))
"""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    (tmp_path / "mine.py").write_text(NETWORK)
    save_weights(Place.at(tmp_path), "mine.safetensors", network.state_dict(), {})
    return tmp_path / "mine.safetensors"


def test_a_model_of_the_study_is_bounded_by_its_file_alone(call: Call, tiny_root: Path, tmp_path: Path) -> None:
    file = str(tiny_root / layout.weights("fc20-10", 0))
    found = json.loads(call("bounds", file, "--json", "--figure", str(tmp_path / "spectra.png")))
    norms = {
        name: float(torch.linalg.matrix_norm(each.double(), 2))
        for name, each in load_weights(Place.at(tiny_root), layout.weights("fc20-10", 0)).items()
        if each.dim() == 2
    }
    upper = {row["layer"]: row["upper"] for row in found["records"] if row["kind"] == "Linear"}
    assert sorted(upper.values()) == pytest.approx(sorted(norms.values()), rel=1e-6)
    assert (tmp_path / "spectra.png").stat().st_size > 1000
    assert "the whole network" in call("bounds", file)
    call("bounds", file, "-f", "csv", "-o", str(tmp_path / "layers.csv"))
    assert (tmp_path / "layers.csv").read_text().startswith("layer,kind")


def test_a_network_of_ones_own(call: Call, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(weights.parent)
    text = call("bounds", str(weights), "--network", "mine:make", "--input-shape", "1,7,7")
    assert [line.split()[1] for line in text.splitlines()[4:8]] == ["Conv2d", "ReLU", "Flatten", "Linear"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--network", "mine:make"), "input_shape is wanted"),
        (("--network", "mine:make", "--input-shape", "1,0,7"), "sizes of at least 1 are wanted"),
        (("--network", "mine:make", "--input-shape", "3,7,7"), "shape"),
        (("--network", "mine:strange", "--input-shape", "1,7,7"), "does not fit"),
        ((), "no network that is known"),
        (("--format", "word"), "text, markdown"),
        (("--figure", "spectra.gif"), ".png or .pdf"),
        (("--sha256", "0123abcd"), "leave it out"),
    ],
)
def test_what_does_not_fit_is_refused(
    call: Call, weights: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(weights.parent)
    assert said in call.refusal("bounds", str(weights), *arguments)


def test_a_file_that_is_none(call: Call, tmp_path: Path) -> None:
    assert "none.pth" in call.refusal("bounds", str(tmp_path / "none.pth"))
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    assert "torn.safetensors" in call.refusal("bounds", str(tmp_path / "torn.safetensors"))


@pytest.mark.xdist_group("deployments")
def test_actors_find_what_one_process_finds(blindspots: CommandLine, call: Call, tiny_root: Path) -> None:
    file = str(tiny_root / layout.weights("fc20-10", 0))
    shared = json.loads(blindspots("bounds", file, "--workers", "2", "--json"))["records"]
    alone = json.loads(call("bounds", file, "--json"))["records"]
    assert len(shared) == 4
    for ours, theirs in zip(shared, alone, strict=True):
        assert ours["method"] == theirs["method"]
        for name in ("lower", "upper", "running"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-9)  # computed by other threads
