"""Minimum distortions, ours beside other libraries' on the same images: how near, how fast, at what cost.

Distortion is the root mean square of a pixel's change, over the images that a search succeeded on; ratios are of the
means over the images that both succeeded on. A line without a target says what a peer did.
"""

import copy
import multiprocessing
import os
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch

from blindspots.datasets.dataset import Dataset
from blindspots.datasets.loading import load_dataset
from blindspots.distortion.search import MinimumDistortion, minimum_distortion
from blindspots.perturbation.measure import distortion
from tests.benchmarks.conftest import Table
from tests.benchmarks.networks import CONVOLUTIONAL, LINEAR, NAMES, SIGMOID, trained
from tests.benchmarks.peers import PEERS, scipys, second_class

pytestmark = pytest.mark.timeout(3600)

IMAGES, BY_SCIPY, ROUNDS = 1000, 48, 5
NEAREST = ("DeepFool", "SuperDeepFool", "ALMA-1000", "DDN-1000")
"""The best of these is what the nearest rule is held against."""
OTHERS = {
    "ALMA-1000 as it comes": 1000,
    "foolbox DeepFool": 1000,
    "foolbox DDN-100": 1000,
    "FAB-100": 250,
    "FAB-T": 250,
}
"""And these, each on so many images."""
WORSE = 1.001
"""A distortion this many times another's is worse, not equal."""
ON_GPU = 10_000


@dataclass(frozen=True)
class Subject:
    """A network and images that it reads correctly."""

    name: str
    model: torch.nn.Module
    images: torch.Tensor
    labels: torch.Tensor

    def first(self, count: int) -> "Subject":
        return Subject(self.name, self.model, self.images[:count], self.labels[:count])


@cache
def dataset() -> Dataset:
    return load_dataset("mnist")


@cache
def network(name: str) -> torch.nn.Module:
    return trained(name, dataset())


@cache
def subject(name: str, count: int = IMAGES, split: str = "test") -> Subject:
    """Return the network ``name`` and the first ``count`` images of a split that it reads correctly."""
    model = network(name)
    images, labels = dataset().images(split), dataset().labels(split)
    with torch.no_grad():
        right = torch.cat([model(part).argmax(dim=1) for part in images.split(2000)]) == labels
    chosen = right.nonzero()[:count, 0]
    return Subject(name, model, images[chosen], labels[chosen])


def ours(of: Subject, rule: str | torch.Tensor = "nearest", **settings: str) -> MinimumDistortion:
    return minimum_distortion(of.model, of.images, of.labels, rule=rule, **settings)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result, perf_counter() - began


def least_seconds(rounds: int, **works: Callable[[], Any]) -> dict[str, float]:
    """Return the least time of each work over interleaved rounds, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            times[name].append(timed(work)[1])
    return {name: min(each[1:]) for name, each in times.items()}


def sizes(
    of: Subject, distorted: torch.Tensor, targets: torch.Tensor | None = None, *, slack: float = 0.0
) -> torch.Tensor:
    """Return the distortions (n,) of distorted images; infinite where another pass finds that the search failed."""
    assert distorted.shape == of.images.shape
    assert distorted.dtype == of.images.dtype
    assert bool(torch.isfinite(distorted).all())
    assert -slack <= float(distorted.min())
    assert float(distorted.max()) <= 1 + slack
    with torch.no_grad():
        read = torch.cat([of.model(part).argmax(dim=1) for part in distorted.split(500)])
    success = read != of.labels if targets is None else read == targets
    found = distortion(distorted.double() - of.images.double())
    return torch.where(success, found, torch.inf).cpu()


def mean(size: torch.Tensor) -> float:
    return float(size[torch.isfinite(size)].mean())


def ratio(size: torch.Tensor, other: torch.Tensor) -> float:
    """Return the ratio of the mean distortions, over the images on which both searches succeeded."""
    both = torch.isfinite(size) & torch.isfinite(other)
    return float(size[both].mean() / other[both].mean())


def peer(table: Table, name: str, of: Subject) -> tuple[torch.Tensor, float]:
    """Run a peer, add what it reached to the table and return distortions and seconds."""
    distorted, seconds = timed(lambda: PEERS[name](of.model, of.images, of.labels))
    size = sizes(of, distorted.detach(), slack=1e-6)
    successes = int(torch.isfinite(size).sum())
    assert successes > 0.9 * len(size), f"{name} succeeded on {successes} of {len(size)} images only"
    table.add(f"{of.name}: {name}, {successes} of {len(size)}, {seconds / len(size) * 1e6:.0f} us", mean(size))
    return size, seconds


def alone(work: Callable[..., Any], *arguments: Any, threads: int | None = None) -> Any:
    """Run ``work`` in a process of its own, with so many threads from its start, and return what it returns."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    settings = {} if threads is None else dict.fromkeys(names, str(threads))
    with patch.dict(os.environ, settings), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def test_networks(table: Table) -> None:
    with table.part("networks, trained or from the cache"):
        for name in NAMES:
            assert len(subject(name).images) == IMAGES
        table.note(f"{torch.get_num_threads()} threads, {IMAGES} test images that each network reads correctly")
        table.note(", ".join(f"{name} {version(name)}" for name in ("adv-lib", "foolbox", "scipy")))


def test_nearest_of_linear_models_is_exact(table: Table) -> None:
    with table.part("nearest, linear models: mean ratio to the exact minimum"):
        for name in LINEAR:
            of = subject(name)
            found = ours(of)
            size = sizes(of, found.images)
            assert torch.isfinite(size).all()
            assert torch.isfinite(found.exact).all()
            table.add(f"{name}: mean distortion", mean(size))
            table.add(f"{name}: ratio to the exact minimum", (size / found.exact).mean(), at_most=1.0001)


def nearest(table: Table, of: Subject, others: dict[str, int]) -> None:
    """Hold ours against each peer, the named best four among them, image by image."""
    ours(of)
    found, seconds = timed(lambda: ours(of))
    size = sizes(of, found.images)
    assert torch.isfinite(size).all()
    table.add(f"{of.name}: ours, {len(size)} images, {seconds / len(size) * 1e6:.0f} us", mean(size))
    theirs = {name: peer(table, name, of)[0] for name in NEAREST}
    best = min(theirs, key=lambda name: mean(theirs[name]))
    theirs |= {name: peer(table, name, of.first(count))[0] for name, count in others.items()}
    worse = torch.zeros(len(size), dtype=torch.bool)
    for name, other in theirs.items():
        beaten = size[: len(other)] > WORSE * other
        worse[: len(other)] |= beaten
        table.add(f"{of.name}: images of {len(other)} on which ours is 0.1% worse than {name}", int(beaten.sum()))
    table.add(f"{of.name}: images on which ours is 0.1% worse than any peer", int(worse.sum()), at_most=1, stretch=0)
    table.add(f"{of.name}: ours over the best of {len(NEAREST)}, {best}", ratio(size, theirs[best]), at_most=0.988)
    least = torch.stack([size, *(other for other in theirs.values() if len(other) == len(size))]).amin(dim=0)
    table.add(f"{of.name}: ours over the least that any of us found, image by image", ratio(size, least))
    if "ALMA-1000 as it comes" in theirs:
        over = {name: ratio(size, theirs[name]) for name in ("ALMA-1000 as it comes", *NEAREST) if name != "ALMA-1000"}
        table.add(f"{of.name}: the same, ALMA with the library's defaults", max(over.values()), at_most=0.988)
    if "FAB-T" in theirs:
        other = theirs["FAB-T"]
        table.add(f"{of.name}: ours over FAB-T", ratio(size[: len(other)], other), at_most=0.993)


@pytest.mark.parametrize("name", SIGMOID)
def test_nearest_of_sigmoid_networks(table: Table, name: str) -> None:
    with table.part(f"nearest, {name}: mean distortion"):
        nearest(table, subject(name), OTHERS)


def test_nearest_in_time(table: Table) -> None:
    with table.part("nearest: time an image over adversarial-library's DeepFool"):
        for name in (LINEAR[0], *SIGMOID):
            of = subject(name)
            seconds = least_seconds(
                ROUNDS,
                fused=lambda of=of: ours(of, path="fused"),
                torch=lambda of=of: ours(of, path="torch"),
                peer=lambda of=of: PEERS["DeepFool"](of.model, of.images, of.labels),
            )
            each = {key: f"{value / IMAGES * 1e6:.0f} us" for key, value in seconds.items()}
            over = {key: seconds[key] / seconds["peer"] for key in ("fused", "torch")}
            table.add(f"{name}: fused path, {each['fused']} over {each['peer']}", over["fused"], at_most=1 / 5)
            table.add(f"{name}: torch path, {each['torch']} over {each['peer']}", over["torch"], at_most=1 / 1.5)


def by_scipy(name: str, rule: str) -> tuple[np.ndarray, float, float]:
    """Return what scipy's L-BFGS-B reached on some images, its seconds an image, and ours under the nearest rule."""
    of = subject(name)
    few = of.first(BY_SCIPY)
    targets = second_class(few.model, few.images, few.labels) if rule == "second" else random_targets(of)[:BY_SCIPY]
    distorted, seconds = timed(lambda: scipys(few.model, few.images, targets))
    own = least_seconds(ROUNDS, ours=lambda: ours(of))["ours"] if rule == "second" else float("nan")
    return distorted.numpy(), seconds / BY_SCIPY, own / IMAGES


def random_targets(of: Subject) -> torch.Tensor:
    """Return another class for each image, drawn from a seed."""
    step = torch.randint(1, 10, of.labels.shape, generator=torch.Generator().manual_seed(0))
    return (of.labels + step) % 10


@pytest.mark.parametrize("name", [LINEAR[0], SIGMOID[0]])
def test_nearest_against_scipy(table: Table, name: str) -> None:
    with table.part(f"nearest, {name}: scipy's L-BFGS-B image by image to the second class, one thread each"):
        distorted, theirs, own = alone(by_scipy, name, "second", threads=1)
        of = subject(name).first(BY_SCIPY)
        other, size = sizes(of, torch.from_numpy(distorted)), sizes(of, ours(of).images)
        table.add(f"{name}: scipy, {int(torch.isfinite(other).sum())} of {BY_SCIPY}", mean(other))
        table.add(f"{name}: ours over scipy, mean distortion", ratio(size, other), at_most=1)
        text = f"{theirs * 1e3:.1f} ms over {own * 1e6:.0f} us"
        table.add(f"{name}: scipy's time over ours, {text}", theirs / own, at_least=800)


def test_targets_against_scipy(table: Table) -> None:
    name = SIGMOID[0]
    with table.part(f"random targets, {name}: scipy's L-BFGS-B image by image (one thread) to the same"):
        distorted, theirs, _ = alone(by_scipy, name, "random", threads=1)
        of = subject(name)
        few, targets = of.first(BY_SCIPY), random_targets(of)
        other = sizes(few, torch.from_numpy(distorted), targets[:BY_SCIPY])
        table.add(f"scipy, {int(torch.isfinite(other).sum())} of {BY_SCIPY}, {theirs * 1e3:.1f} ms", mean(other))
        seconds = least_seconds(2, lbfgs=lambda: ours(of, targets, method="lbfgs"), auto=lambda: ours(of, targets))
        micro = {key: value / IMAGES * 1e6 for key, value in seconds.items()}
        for method in ("lbfgs", "auto"):
            size = sizes(of, ours(of, targets, method=method).images, targets)
            assert torch.isfinite(size).sum() >= 0.99 * IMAGES
            table.add(f"{method}: mean distortion, {int(torch.isfinite(size).sum())} of {IMAGES}", mean(size))
            aim = 1.003 if method == "lbfgs" else 1.0
            table.add(f"{method}: ours over scipy, mean distortion", ratio(size[:BY_SCIPY], other), at_most=aim)
        table.add(
            f"lbfgs: scipy's time over ours, {micro['lbfgs']:.0f} us", theirs * 1e6 / micro["lbfgs"], at_least=200
        )
        table.add("auto: microseconds an image", micro["auto"], at_most=500, stretch=150)


def peak() -> float:
    """Return the most floating-point operations a second of torch's product of float32 matrices."""
    most = 0.0
    for size in (1000, 1500, 2000):
        left, right = torch.rand(size, size), torch.rand(size, size)
        seconds = least_seconds(10, product=lambda left=left, right=right: torch.mm(left, right))["product"]
        most = max(most, 2 * size**3 / seconds)
    return most


def test_share_of_matrix_products(table: Table) -> None:
    name = SIGMOID[1]
    with table.part(f"nearest, {name}: floating-point operations of the model's passes over the peak of sgemm"):
        of = subject(name)
        one = 2 * sum(layer.in_features * layer.out_features for layer in of.model.linears)
        found, before = ours(of), peak()
        passes = int(found.forwards.sum() + found.backwards.sum())
        seconds = least_seconds(ROUNDS, ours=lambda: ours(of))["ours"]
        most = max(before, peak())
        table.add("passes an image, forward and backward", passes / IMAGES)
        table.add("sgemm, GFLOP a second", most / 1e9)
        table.add(
            f"share of the peak, {seconds / IMAGES * 1e6:.0f} us an image",
            passes * one / seconds / most,
            at_least=0.5,
            stretch=0.6,
        )


def everything() -> tuple[dict[str, float], float]:
    """Search all training images under the nearest rule; return each network's seconds, and the peak memory in GB."""
    images, labels = dataset().images("train"), dataset().labels("train")
    seconds = {}
    for name in (*LINEAR, *SIGMOID):
        of = Subject(name, network(name), images, labels)
        ours(of.first(IMAGES))
        found, seconds[name] = timed(lambda of=of: ours(of))
        assert bool(found.success.all())
    (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return seconds, int(peak_kb) * 1024 / 1e9


def test_all_training_images(table: Table) -> None:
    with table.part("nearest: all 60 000 training images, in a process of its own"):
        for name in NAMES:
            network(name)
        seconds, gigabytes = alone(everything)
        for name, each in seconds.items():
            table.add(f"{name}: seconds", each)
        table.add("five networks: seconds", sum(seconds.values()), at_most=20)
        table.add("peak memory of the process, GB", gigabytes, at_most=2)


def test_convolutional_network(table: Table) -> None:
    with table.part("nearest, a convolutional network"):
        of = subject(CONVOLUTIONAL, 500)
        size = sizes(of, ours(of).images)
        assert torch.isfinite(size).all()
        table.add(f"ours, {len(size)} images", mean(size))
        for name, count in {
            "DeepFool": 500,
            "SuperDeepFool": 500,
            "ALMA-100": 500,
            "DDN-100": 500,
            "FAB-100": 100,
        }.items():
            few = of.first(count)
            other, _ = peer(table, name, few)
            table.add(f"ours over {name}, mean distortion", ratio(size[:count], other), at_most=1)
        least = least_seconds(3, ours=lambda: ours(of), peer=lambda: PEERS["DeepFool"](of.model, of.images, of.labels))
        each = {key: value / len(size) for key, value in least.items()}
        text = f"{each['ours'] * 1e6:.0f} us over {each['peer'] * 1e6:.0f} us"
        table.add(f"ours over the fastest, DeepFool, time, {text}", each["ours"] / each["peer"], at_most=1)


def test_on_a_gpu(table: Table) -> None:
    with table.part(f"nearest on a GPU, {ON_GPU} training images at once"):
        if not torch.cuda.is_available():
            table.note("no GPU here: not measured")
            return
        for name in SIGMOID:
            of = subject(name, ON_GPU, "train")
            there = replace(of, model=copy.deepcopy(of.model).cuda(), images=of.images.cuda(), labels=of.labels.cuda())
            nearest(table, there, {})
            least = least_seconds(
                3,
                ours=lambda of=there: ours(of),
                peer=lambda of=there: PEERS["DeepFool"](of.model, of.images, of.labels),
            )
            table.add(f"{name}: ours over DeepFool, time, {least['ours']:.3f} s", least["ours"] / least["peer"])
