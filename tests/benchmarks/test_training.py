"""Full-batch training to one loss, ours beside torch.optim.LBFGS: same start, same loss, interleaved."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import pytest
import torch
from torch import nn

from blindspots.built_in_studies import QUICK
from blindspots.datasets.dataset import Dataset
from blindspots.networks.build import build_network, initialise
from blindspots.networks.fully_connected import FullyConnected
from blindspots.training.lbfgs import minimise
from blindspots.training.objective import Objective, to_vector

MODEL, LOSS, ROUNDS = "fc100-100-10", 0.02, 3
Run = tuple[float, int, float]
"""Seconds, evaluations, the loss reached."""


def start() -> FullyConnected:
    network = build_network(QUICK.model(MODEL), inputs=784, classes=10)
    initialise(network, seed=0)
    return network


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

    def closure() -> torch.Tensor:
        nonlocal evaluations, reached
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network(images), labels)
        for value, layer in zip(decay, network.linears, strict=True):
            loss = loss + value / 2 * layer.weight.square().sum()
        loss.backward()
        evaluations, reached = evaluations + 1, loss.item()
        if reached <= LOSS:
            raise ReachedError
        return loss

    with pytest.raises(ReachedError):
        optimiser.step(closure)
    return perf_counter() - began, evaluations, reached


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [10_000, 60_000])
def test_to_one_loss(mnist: Dataset, record: Callable[[str, Any], None], count: int) -> None:
    ids = mnist.order("train", 0)[:count]
    images, labels = mnist.images("train", ids), mnist.labels("train", ids)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        runs: dict[str, list[Run]] = {"blindspots": [], "torch.optim.LBFGS": []}
        for _ in range(ROUNDS if count < 60_000 else 1):
            runs["blindspots"].append(ours(images, labels))
            runs["torch.optim.LBFGS"].append(torchs(images, labels))
    finally:
        torch.set_num_threads(threads)
    seconds = {name: min(run[0] for run in each) for name, each in runs.items()}
    ratio = seconds["blindspots"] / seconds["torch.optim.LBFGS"]
    print(f"\n{MODEL}, {count} images, to a loss of {LOSS}, one thread")
    for name, each in runs.items():
        print(f"  {name:18} {seconds[name]:7.2f} s, {each[0][1]} evaluations")
    print(f"  ratio {ratio:.2f}")
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
            "ratio": ratio,
        },
    )
