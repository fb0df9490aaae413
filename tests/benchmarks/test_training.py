"""Full-batch training beside its peers: one loss and gradient, and the way from one start to one loss.

Needs scikit-learn for the last. One thread, interleaved; minima are compared.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from blindspots.datasets.dataset import Dataset
from blindspots.device import one_thread
from blindspots.networks.build import build_network, initialise
from blindspots.networks.fully_connected import FullyConnected
from blindspots.study.built_in import QUICK
from blindspots.training.autoencoder_objective import AutoencoderObjective
from blindspots.training.codes import as_vector, initial_autoencoder
from blindspots.training.lbfgs import minimise
from blindspots.training.objective import Objective, to_vector

MODEL, LOSS, ROUNDS = "fc100-100-10", 0.02, 3
Run = tuple[float, int, float]
"""Seconds, evaluations, the loss reached."""


def start(name: str = MODEL) -> FullyConnected:
    network = build_network(QUICK.model(name), shape=(1, 28, 28), classes=10)
    assert isinstance(network, FullyConnected)
    initialise(network, seed=0)
    return network


def by_autograd(network: FullyConnected, decay: tuple[float, ...], images: torch.Tensor, labels: torch.Tensor) -> float:
    network.zero_grad()
    loss = nn.functional.cross_entropy(network(images), labels)
    for value, layer in zip(decay, network.linears, strict=True):
        loss = loss + value / 2 * layer.weight.square().sum()
    loss.backward()
    return loss.item()


def autoencoder_by_autograd(layers: tuple[nn.Linear, nn.Linear], rows: torch.Tensor) -> float:
    encoder, decoder = layers
    encoder.zero_grad()
    decoder.zero_grad()
    codes = encoder(rows).sigmoid()
    mean = codes.mean(dim=0)
    loss = (decoder(codes).sigmoid() - rows).square().sum() / (2 * len(rows))
    loss = loss + 3e-3 / 2 * (encoder.weight.square().sum() + decoder.weight.square().sum())
    loss = loss + 3 * (0.1 * torch.log(0.1 / mean) + 0.9 * torch.log(0.9 / (1 - mean))).sum()
    loss.backward()
    return loss.item()


def pairs(images: torch.Tensor, labels: torch.Tensor) -> dict[str, tuple[Callable[[], float], Callable[[], float]]]:
    """Our loss and autograd's, by what they are of."""
    found: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {}
    for name in ("fc10-1e-4", "fc100-100-10", "fc200-200-10"):
        network, decay = start(name), QUICK.model(name).decay
        objective, point = Objective(network, images, labels, decay=decay), to_vector(network)
        found[name] = (
            lambda objective=objective, point=point: objective(point).loss,
            lambda network=network, decay=decay: by_autograd(network, decay, images, labels),
        )
    weights = initial_autoencoder(784, 400, seed=0, initial=0, device=torch.device("cpu"))
    layers = (nn.Linear(784, 400), nn.Linear(400, 784))
    for part, layer in zip(("encoder", "decoder"), layers, strict=True):
        layer.load_state_dict({key: weights[f"{part}.{key}"] for key in ("weight", "bias")})
    rows, vector = images.flatten(1)[:10_000], as_vector(weights)
    autoencoder = AutoencoderObjective(rows, codes=400)
    found["autoencoder of 400 codes, 10 000 images"] = (
        lambda: autoencoder(vector).loss,
        lambda: autoencoder_by_autograd(layers, rows),
    )
    return found


@pytest.mark.timeout(1200)
def test_one_loss_and_gradient(mnist: Dataset, record: Callable[[str, Any], None]) -> None:
    images, labels = mnist.images("train"), mnist.labels("train")
    measured: dict[str, dict[str, float]] = {}
    with one_thread():
        found = pairs(images, labels)
        for name, (ours, autograd) in found.items():
            assert ours() == pytest.approx(autograd(), rel=1e-5)
            measured[name] = {"blindspots": np.inf, "autograd": np.inf}
        for _ in range(8):
            for name, (ours, autograd) in found.items():
                for kind, function in (("blindspots", ours), ("autograd", autograd)):
                    began = perf_counter()
                    function()
                    measured[name][kind] = min(measured[name][kind], perf_counter() - began)
    print("\none loss and gradient, one thread, ms")
    for name, each in measured.items():
        each["ratio"] = each["blindspots"] / each["autograd"]
        print(f"  {name:40} {1e3 * each['blindspots']:6.0f} {1e3 * each['autograd']:6.0f}  ratio {each['ratio']:.2f}")
    record("training-evaluation", {"threads": 1, "images": len(images), "seconds": measured})


def ours(images: torch.Tensor, labels: torch.Tensor) -> Run:
    network, decay = start(), QUICK.model(MODEL).decay
    began = perf_counter()
    for point in minimise(Objective(network, images, labels, decay=decay), to_vector(network)):
        if point.value.loss <= LOSS:
            return perf_counter() - began, point.evaluations, point.value.loss
    raise AssertionError("the loss was not reached")


class ReachedError(Exception):
    pass


def torchs(images: torch.Tensor, labels: torch.Tensor) -> Run:
    network, decay = start(), QUICK.model(MODEL).decay
    optimiser = torch.optim.LBFGS(
        network.parameters(), max_iter=10_000, history_size=20, line_search_fn="strong_wolfe", tolerance_change=0
    )
    began, evaluations, reached = perf_counter(), 0, float("inf")

    def closure() -> float:
        nonlocal evaluations, reached
        evaluations, reached = evaluations + 1, by_autograd(network, decay, images, labels)
        if reached <= LOSS:
            raise ReachedError
        return reached

    with pytest.raises(ReachedError):
        optimiser.step(closure)
    return perf_counter() - began, evaluations, reached


def sklearns(images: torch.Tensor, labels: torch.Tensor) -> Run:
    """It has one decay for all layers: the last layer's is taken out of the loss that is waited for."""
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    decay, evaluations, reached = QUICK.model(MODEL).decay, 0, float("inf")

    class Classifier(MLPClassifier):
        def _loss_grad_lbfgs(self, *arguments: Any) -> Any:
            nonlocal evaluations, reached
            loss, gradient = super()._loss_grad_lbfgs(*arguments)
            last = float(np.square(self.coefs_[-1], dtype=np.float64).sum())
            evaluations, reached = evaluations + 1, float(loss) - (decay[0] - decay[-1]) / 2 * last
            if reached <= LOSS:
                raise ReachedError
            return loss, gradient

    classifier = Classifier(
        QUICK.model(MODEL).hidden,
        activation="logistic",
        solver="lbfgs",
        alpha=decay[0] * len(images),  # it divides by the number of images
        max_iter=10_000,
        max_fun=100_000,
        tol=0,
        random_state=0,
    )
    rows, classes = images.flatten(1).numpy(), labels.numpy()
    began = perf_counter()
    with threadpool_limits(1), pytest.raises(ReachedError):
        classifier.fit(rows, classes)
    return perf_counter() - began, evaluations, reached


PEERS = {"blindspots": ours, "torch.optim.LBFGS": torchs, "sklearn MLPClassifier": sklearns}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [10_000, 60_000])
def test_to_one_loss(mnist: Dataset, record: Callable[[str, Any], None], count: int) -> None:
    ids = mnist.order("train", 0)[:count]
    images, labels = mnist.images("train", ids), mnist.labels("train", ids)
    runs: dict[str, list[Run]] = {name: [] for name in PEERS}
    with one_thread():
        ours(images[:1000], labels[:1000])  # compiles
        for turn in range(ROUNDS):
            for name, run in PEERS.items():
                if turn == 0 or (name != "sklearn MLPClassifier" and (count < 60_000 or name == "blindspots")):
                    runs[name].append(run(images, labels))
    seconds = {name: min(run[0] for run in each) for name, each in runs.items()}
    best = min(value for name, value in seconds.items() if name != "blindspots")
    print(f"\n{MODEL}, {count} images, to a loss of {LOSS}, one thread")
    for name, each in runs.items():
        print(f"  {name:22} {seconds[name]:7.2f} s, {each[0][1]} evaluations, {len(each)} runs")
    print(
        f"  ratio to the better of the others {seconds['blindspots'] / best:.3f}, so {best / seconds['blindspots']:.1f}"
    )
    for each in runs.values():
        assert all(run[2] <= LOSS for run in each)
    record(
        f"training-{count}",
        {
            "model": MODEL,
            "images": count,
            "loss": LOSS,
            "threads": 1,
            "seconds": seconds,
            "evaluations": {name: each[0][1] for name, each in runs.items()},
            "ratio": seconds["blindspots"] / best,
        },
    )
