"""Least distortions of other people's kinds of networks, by each effort, beside other libraries on the same images.

Small networks on scikit-learn's digits and MNIST, trained in seconds, and an EfficientNet-Lite0 where its weights and
pictures are named. For each image what ours found is divided by the least that any peer did; "own" is the least of
``distances_to_all``. Times are one thread's of the processor.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import process_time

import foolbox
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from blindspots import distances_to_all, minimum_distortion
from blindspots.datasets.loading import load_dataset
from blindspots.models.opening import open_model
from blindspots.networks.known import NETWORKS as KNOWN
from blindspots.study.pictures_spec import PicturesSpec
from tests.benchmarks.conftest import Table
from tests.benchmarks.peers import OVERSHOOT, Peer, alma, fab, foolboxes, sdf

pytestmark = pytest.mark.timeout(7200)

EFFORTS = ("fast", "usual", "thorough")
DIGITS, MNIST = 120, 60
"""Images that a network reads correctly."""
IMAGENET, WEIGHTS = "BLINDSPOTS_IMAGENET", "BLINDSPOTS_EFFICIENTNET"
"""Variables that name the folders of a picture a class, and of the file ``efficientnet_lite0.safetensors``."""
PICTURES = int(os.environ.get("BLINDSPOTS_PICTURES", "64"))
"""Of them; a hundred gradients of one take some ten seconds of a core."""
FARTHER = 1.01
OTHERS: dict[str, Peer] = {
    "DDN-300": foolboxes(foolbox.attacks.DDNAttack(steps=300)),
    "DeepFool": foolboxes(foolbox.attacks.L2DeepFoolAttack(steps=100)),
    "ALMA-300": partial(alma, distance="l2", init_lr_distance=0.1, num_steps=300),
    "FAB-100": partial(fab, norm=2, n_iter=100),
    "SuperDeepFool": partial(sdf, steps=100, df_steps=100, overshoot=OVERSHOOT),
}
FEW: dict[str, Peer] = {
    "DDN-100": foolboxes(foolbox.attacks.DDNAttack(steps=100)),
    "DeepFool": OTHERS["DeepFool"],
    "ALMA-100": partial(alma, distance="l2", init_lr_distance=0.1, num_steps=100),
}
"""For a network whose gradients are dear."""


class Residual(nn.Module):
    """Three convolutions, the second of them around a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.around = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8))
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(784, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first = self.first(images)
        return self.last(first + self.around(first))


class Attention(nn.Module):
    """Two blocks of attention over 16 patches of 7 x 7 pixels."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.embedding, self.places = nn.Linear(49, width), nn.Parameter(0.1 * torch.randn(1, 16, width))
        block = partial(nn.TransformerEncoderLayer, width, 2, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks, self.last = nn.Sequential(block(), block()), nn.Linear(width, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = images.unfold(2, 7, 7).unfold(3, 7, 7).reshape(-1, 16, 49)
        return self.last(self.blocks(self.embedding(patches) + self.places).mean(1))


def fully_connected(*sizes: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise(sizes[:-1]):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "digits, convolutional": lambda: nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)
    ),
    "digits, sigmoid": lambda: fully_connected(64, 32, 10, activation=nn.Sigmoid),
    "digits, ReLU": lambda: fully_connected(64, 64, 64, 10, activation=nn.ReLU),
    "digits, tanh": lambda: fully_connected(64, 64, 64, 10, activation=nn.Tanh),
    "MNIST, convolutional": lambda: nn.Sequential(
        nn.Conv2d(1, 8, 5, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Flatten(), nn.Linear(400, 10),
    ),
    "MNIST, ReLU": lambda: fully_connected(784, 200, 200, 10, activation=nn.ReLU),
    "MNIST, tanh": lambda: fully_connected(784, 100, 100, 10, activation=nn.Tanh),
    "MNIST, batch norm and GELU": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(784, 100), nn.BatchNorm1d(100), nn.GELU(), nn.Linear(100, 10)
    ),
    "MNIST, residual": Residual,
    "MNIST, attention": Attention,
}  # fmt: skip


def trained(name: str) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """Return the network ``name``, and images of the test set that it reads correctly, with their labels."""
    digits = name.startswith("digits")
    if digits:
        data = load_digits()
        images, labels = torch.tensor(data.data).float().reshape(-1, 1, 8, 8) / 16, torch.tensor(data.target)
        learnt, shown = slice(0, 1200), slice(1200, None)
        sets = images[learnt], labels[learnt], images[shown], labels[shown]
    else:
        dataset, first, some = load_dataset("mnist"), np.arange(5000), np.arange(200)
        sets = (*(each("train", first) for each in (dataset.images, dataset.labels)),
                *(each("test", some) for each in (dataset.images, dataset.labels)))  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = NETWORKS[name]()
        optimiser = torch.optim.Adam(model.parameters(), 1e-2 if digits else 3e-3)
        for _ in range(60 if digits else 4):
            for part in torch.randperm(len(sets[0])).split(64):
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(sets[0][part]), sets[1][part]).backward()
                optimiser.step()
    model.eval().requires_grad_(False)
    right = (model(sets[2]).argmax(1) == sets[3]).nonzero()[: DIGITS if digits else MNIST, 0]
    return model, sets[2][right], sets[3][right]


def measured(
    table: Table,
    trial: tuple[nn.Module, torch.Tensor, torch.Tensor],
    *,
    peers: dict[str, Peer],
    efforts: Sequence[str],
    own: torch.Tensor | None = None,
) -> None:
    """Add what each effort finds beside the peers; ``own``: (n,) the least of ``distances_to_all``, Euclidean."""
    model, images, labels = trial
    sizes, seconds = {}, {}
    for peer, attack in peers.items():
        began = process_time()
        distorted = attack(model, images, labels)
        seconds[peer] = process_time() - began
        length = (distorted - images).flatten(1).double().norm(dim=1)
        sizes[peer] = torch.where(model(distorted).argmax(1) != labels, length, torch.inf)
    least = torch.stack(list(sizes.values())).amin(0)
    for effort in efforts:
        minimum_distortion(model, images[:2], labels[:2], effort=effort)
        began = process_time()
        found = minimum_distortion(model, images, labels, effort=effort)
        spent = process_time() - began
        share = found.l2 / least
        wanted = {"usual": 0.999, "thorough": 0.99}.get(effort)
        table.add(f"{effort}: mean over the best of all peers", float(share.mean()), at_most=wanted)
        table.add(f"{effort}: images {FARTHER} times as far", int((share > FARTHER).sum()))
        table.add(f"{effort}: the worst image", float(share.max()))
        if own is not None:
            table.add(f"{effort}: images above the least of own distances by 0.1%", int((found.l2 > 1.001 * own).sum()))
            table.add(f"{effort}: the worst of them", float((found.l2 / own).max()))
        near = [seconds[peer] for peer, each in sizes.items() if float(each.mean()) <= 1.01 * float(found.l2.mean())]
        if near:
            table.add(f"{effort}: time over the fastest peer within 1%", spent / min(near), at_most=0.5)
        table.add(f"{effort}: milliseconds an image", 1e3 * spent / len(images))
        table.add(f"{effort}: gradients an image", float(found.backwards.double().mean()))


@pytest.mark.parametrize("name", NETWORKS)
def test_nearest(table: Table, name: str) -> None:
    with table.part(f"nearest, {name}"):
        model, images, labels = trained(name)
        own = distances_to_all(model, images, labels).scatter(1, labels[:, None], torch.inf).amin(1)
        own *= images[0].numel() ** 0.5
        measured(table, (model, images, labels), peers=OTHERS, efforts=EFFORTS, own=own)


def test_nearest_of_an_imagenet_classifier(table: Table) -> None:
    """EfficientNet-Lite0 on the first pictures that it reads correctly: three of the peers, at 100 steps."""
    if not {IMAGENET, WEIGHTS} <= set(os.environ):
        pytest.skip(f"{IMAGENET} or {WEIGHTS} names no folder")
    with table.part(f"nearest, EfficientNet-Lite0, {PICTURES} pictures"):
        opened = open_model(Path(os.environ[WEIGHTS]) / "efficientnet_lite0.safetensors")
        stated = KNOWN["efficientnet-lite0"].pictures
        size = opened.input_shape[1]
        wanted = PicturesSpec(size=size, crop=stated.crop, interpolation=stated.interpolation)
        pictures = load_dataset(os.environ[IMAGENET], pictures=wanted)
        some = pictures.ids("test")[: 2 * PICTURES]
        images, labels = pictures.images("test", some), pictures.labels("test", some)
        model = opened.model.eval().requires_grad_(False)
        read = torch.cat([model(part).argmax(1) for part in images.split(8)])
        right = (read == labels).nonzero()[:PICTURES, 0]
        measured(table, (model, images[right], labels[right]), peers=FEW, efforts=("fast", "usual"))
