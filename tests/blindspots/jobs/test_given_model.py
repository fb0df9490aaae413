"""A given model on data of one's own: a whole study, and one line for each that does not fit."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from blindspots.jobs.opening import workspace_of
from blindspots.jobs.run import run_study
from blindspots.jobs.verification import verify
from blindspots.report import write_report
from blindspots.results import Results
from blindspots.study import Study, load_study
from blindspots.tables import read_table, render

NETWORKS = """
import torch

class Scaled(torch.nn.Module):
    def forward(self, images):
        return (images - 0.5) / 0.25

def small():
    return torch.nn.Sequential(
        Scaled(), torch.nn.Conv2d(3, 4, 5, stride=4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(196, 5)
    )
"""
CLASSES, SHAPE = 5, (3, 32, 32)


def pictures(count: int, seed: int) -> dict[str, np.ndarray]:
    """Return pictures of noise, each with a patch whose place and colour tell its class."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    images = draw.integers(90, 160, (count, *SHAPE), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[label % 3, 6 * label : 6 * label + 6, 4:20] = 250
    return {"images": images, "labels": labels}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a network of one's own, its weights, data, and a study of them."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_networks.py").write_text(NETWORKS)
    data = {split: pictures(count, seed) for seed, (split, count) in enumerate((("train", 60), ("test", 30)))}
    arrays = {f"{split}_{what}": values for split, found in data.items() for what, values in found.items()}
    np.savez(folder / "pictures.npz", **arrays, class_names=np.array(["a", "b", "c", "d", "e"]))
    sys.path.insert(0, str(folder))
    import own_networks

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = own_networks.small()
        fully = nn.Sequential(nn.Flatten(), nn.Linear(3072, 5))
        for each, name in ((network, "small.pth"), (fully, "fully.pth")):
            _fit(each, data["train"])
            torch.save(each.state_dict(), folder / name)
    fully.load_state_dict({"1.weight": fully[1].weight, "1.bias": fully[1].bias})
    torch.save({"layers.1.weight": fully[1].weight.data, "layers.1.bias": fully[1].bias.data}, folder / "fully.pth")
    study = {
        "dataset": str(folder / "pictures.npz"),
        "models": [
            {"name": "small", "given": {"weights": str(folder / "small.pth"), "network": "own_networks:small"}},
            {"name": "fully", "given": {"weights": str(folder / "fully.pth")}},
            {"name": "trained", "decay": 1e-2},
        ],
        "training": {"iterations": 20},
        "sets": {"rules": ["nearest", "class-4"], "examples": 10, "shard": 5, "noise": [0.1]},
        "negatives": {"images": 5, "directions": 4},
        "bounds": {"certified": 2},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(study))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("own_networks", None)


def _fit(network: nn.Module, data: dict[str, np.ndarray]) -> None:
    """Train a little, so that most pictures are read correctly."""
    images = torch.from_numpy(data["images"]).float() / 255
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), torch.from_numpy(data["labels"])).backward()
        optimiser.step()


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return load_study(str(folder / "own.yaml"))


@pytest.fixture(scope="module")
def done(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the finished study."""
    root = tmp_path_factory.mktemp("given") / "root"
    ran = run_study(study, root, networks=("own_networks",))
    assert {"models/small/seed-0", "models/fully/seed-0", "models/trained/seed-0"} <= set(ran.shards)
    return root


def test_a_given_model_goes_through_a_whole_study(done: Path, study: Study, folder: Path) -> None:
    with Results(done, networks=("own_networks",)) as results:
        network = results.network("small")
        weights = torch.load(folder / "small.pth")
        assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())
        made = results.group("sets/small/seed-0/train/nearest")
        assert made.perturbation.shape == (10, *SHAPE)
        images = results.dataset.images("train", made.example.values)
        read = network(images + torch.tensor(made.perturbation.values)).argmax(1)
        assert read.tolist() == made.predicted.values.tolist()
        assert float(made.success.mean()) > 0.9
        shown = results.group("transfer").sel(source="small", target="trained", split="train", rule="nearest")
        assert int(shown.n.sel(variant="plain", seed=0)) == 10
        bounds = results.group("spectral/small/seed-0")
        assert bounds.attrs["product"] > 1
        assert results.find("certified/fully/seed-0") is not None  # of sigmoid networks alone
        assert results.find("certified/small/seed-0") is None
        assert results.find("training/small/seed-0") is None
        first = read_table("1", results)
        errors = first.sel(model="small")
        assert 0 <= float(errors.test_error) < 0.5
        assert int(errors.training_error_n) == 60  # of all training images, whatever others were trained on
        assert first.attrs["dataset"] == "pictures.npz"
        assert "small" in render(read_table("2", results), "text")
        page = write_report(results, done.parent / "report.html").read_text()
        assert "small" in page


def test_it_is_done_once(done: Path, study: Study, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(done, root)
    assert run_study(study, root, networks=("own_networks",)).jobs == 0
    found = verify(workspace_of(root))
    assert not found.damaged
    assert found.missing == 0
