"""Data, networks and weights of one's own in a folder, with a study of them, as users hand them over."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import nn

PACKAGE = "own_networks"
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


@contextmanager
def networks_of(folder: Path) -> Iterator[None]:
    """Have the networks of ``folder`` importable for a while, as an installed package's are."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(PACKAGE, None)


def written(folder: Path) -> Path:
    """Write networks, weights, data and a study into ``folder``; return the study's file.

    Its models: ``small``, whose network is a function of one's own; ``fully``, whose network the study describes; and
    ``trained``, which it trains.
    """
    (folder / f"{PACKAGE}.py").write_text(NETWORKS)
    data = {split: pictures(count, seed) for seed, (split, count) in enumerate((("train", 60), ("test", 30)))}
    arrays = {f"{split}_{what}": values for split, found in data.items() for what, values in found.items()}
    np.savez(folder / "pictures.npz", **arrays, class_names=np.array(["a", "b", "c", "d", "e"]))
    namespace: dict[str, object] = {}
    exec(NETWORKS, namespace)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        small, linear = namespace["small"](), nn.Linear(3072, CLASSES)  # type: ignore[operator]
        fit(small, data["train"])
        fit(nn.Sequential(nn.Flatten(), linear), data["train"])
    torch.save(small.state_dict(), folder / "small.pth")
    torch.save({"layers.1.weight": linear.weight.detach(), "layers.1.bias": linear.bias.detach()}, folder / "fully.pth")
    study = {
        "dataset": str(folder / "pictures.npz"),
        "models": [
            {"name": "small", "given": {"weights": str(folder / "small.pth"), "network": f"{PACKAGE}:small"}},
            {"name": "fully", "given": {"weights": str(folder / "fully.pth")}},
            {"name": "trained", "decay": 1e-2},
        ],
        "training": {"iterations": 20},
        "sets": {"rules": ["nearest", "class-4"], "examples": 10, "shard": 5, "noise": [0.1]},
        "negatives": {"images": 5, "directions": 4},
        "bounds": {"certified": 2},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(study))
    return folder / "own.yaml"


def fit(network: nn.Module, data: dict[str, np.ndarray]) -> None:
    """Train a little, so that most pictures are read correctly."""
    images = torch.from_numpy(data["images"]).float() / 255
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), torch.from_numpy(data["labels"])).backward()
        optimiser.step()
