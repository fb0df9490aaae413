"""How much of the least distortions of networks of rectifiers is proved, and how fast, beside auto_LiRPA.

One thread. Needs `pip install --no-deps 'auto-LiRPA==0.3' appdirs`; without, its lines are left out and that is said.
"""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from time import process_time
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from blindspots import certified_radius, minimum_distortion
from blindspots.datasets.loading import load_dataset
from blindspots.device import one_thread
from blindspots.spectral.relaxation import radius
from tests.benchmarks.bracket_peers import auto_lirpa

IMAGES = 5
NETWORKS = {
    "784-50-10": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10)),
    "784-100-100-10": lambda: nn.Sequential(
        *(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10))
    ),
    "convolutions of 4, 8 and 16 maps": lambda: nn.Sequential(
        *(nn.Conv2d(1, 4, 4, 2, 1), nn.ReLU(), nn.Conv2d(4, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1)),
        *(nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)),
    ),
}


def trained(make: Callable[[], nn.Module]) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """Return a network after two epochs on 20 000 of MNIST's images, and test images that it reads correctly."""
    dataset = load_dataset("mnist")
    ids, some = np.arange(20_000), np.arange(200)
    images, labels = dataset.images("train", ids), dataset.labels("train", ids)
    torch.manual_seed(0)
    network = make()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(2):
        for batch in torch.randperm(len(images)).split(100):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimiser.step()
    network.eval().requires_grad_(False)
    images, labels = dataset.images("test", some), dataset.labels("test", some)
    read = network(images).argmax(1) == labels
    return network, images[read][:IMAGES], labels[read][:IMAGES]


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_proved_beside_peers(
    name: str, record: Callable[[str, Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with one_thread():
        network, images, labels = trained(NETWORKS[name])
        found = minimum_distortion(network, images, labels).l2.double()
        methods: dict[str, Callable[[], torch.Tensor]] = {
            "relaxation": lambda: certified_radius(network, images, labels, method="relaxation").radius,
            "exact": lambda: certified_radius(network, images, labels, method="exact", parts=1000).radius,
        }
        if find_spec("auto_LiRPA") is None:
            sys.stdout.write("\nauto_LiRPA is not installed: its lines are left out\n")
        else:
            methods["auto_LiRPA, CROWN"] = lambda: auto_lirpa(network, images, labels, found, "CROWN")
            methods["auto_LiRPA, alpha-CROWN"] = lambda: auto_lirpa(network, images, labels, found, "alpha")
        for each in list(methods.values())[:1]:
            each()  # kernels are compiled
        measured: dict[str, dict[str, float]] = {}
        for method, proof in methods.items():
            measured[method] = timed(proof, found)
        # without branching, with as much time as branching took
        steps = round(radius._STEPS * measured["exact"]["seconds"] / measured["relaxation"]["seconds"])
        monkeypatch.setattr(radius, "_STEPS", steps)
        measured[f"relaxation, {steps} steps"] = timed(methods["relaxation"], found)
    for method, line in measured.items():
        told = f"proved/found {line['mean']:.4f}, known {line['known']:.2f}, {line['seconds']:.3f} s an image"
        sys.stdout.write(f"\n{name}, {method}: {told}")
    record(f"brackets-{name.replace(' ', '-').replace(',', '')}", measured)
    assert all(line["above"] == 0 for line in measured.values())


def timed(proof: Callable[[], torch.Tensor], found: torch.Tensor) -> dict[str, float]:
    """Return the mean of proved over found, the share known to 2e-4, how many are above it, and seconds an image."""
    start = process_time()
    ratio = proof() / found
    seconds = (process_time() - start) / len(found)
    return {
        "mean": float(ratio.mean()),
        "known": float((ratio >= 1 - 2e-4).double().mean()),
        "above": int((ratio > 1 + 1e-6).sum()),
        "seconds": seconds,
    }
