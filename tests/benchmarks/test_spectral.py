"""Exact norms of a pretrained AlexNet's layers: both sides and estimates, beside what else finds them.

``BLINDSPOTS_ALEXNET`` names the file with its weights.
"""

import math
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import pytest
import torch
from safetensors.torch import load_file

from blindspots.spectral.convolution.estimate import conv_norm_estimate
from blindspots.spectral.convolution.norm import conv_norm, conv_norm_all_sizes
from blindspots.spectral.matrix.norm import linear_norm, linear_norm_estimate
from tests.benchmarks.conftest import Table
from tests.benchmarks.spectral_peers import (
    KNOWN,
    Layer,
    by_fft_and_svd,
    by_gram_iteration,
    by_power,
    by_svds,
)

WANTED = {"conv1": 1.001, "conv2": 1.012, "conv3": 1.018, "conv4": 1.025, "conv5": 1.028}
ROUNDS = 2


@pytest.fixture(scope="module")
def layers() -> list[Layer]:
    weights = load_file(os.environ["BLINDSPOTS_ALEXNET"])
    shapes = {
        "conv1": (0, 224, 4, 2),
        "conv2": (3, 27, 1, 2),
        "conv3": (6, 13, 1, 1),
        "conv4": (8, 13, 1, 1),
        "conv5": (10, 13, 1, 1),
    }
    found = [Layer(name, weights[f"features.{index}.weight"], *rest) for name, (index, *rest) in shapes.items()]
    for layer in found:
        KNOWN[layer.name] = conv_norm(layer.weight, **layer.arguments, tolerance=1e-6).lower
    return found


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def interleaved(calls: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the least seconds of each call, the calls taking turns."""
    best = dict.fromkeys(calls, math.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            began = perf_counter()
            call()
            best[name] = min(best[name], perf_counter() - began)
    return best


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [1, 2])
def test_five_convolutions(count: int, layers: list[Layer], table: Table) -> None:
    calls: dict[str, Callable[[], object]] = {
        "both sides": lambda: [conv_norm(layer.weight, **layer.arguments) for layer in layers],
        "estimates to 1e-3": lambda: [conv_norm_estimate(layer.weight, **layer.arguments) for layer in layers],
        "all sizes at once": lambda: [conv_norm_all_sizes(layer.weight, stride=layer.stride) for layer in layers],
        "svds to 1e-3": lambda: [by_svds(layer, 2e-3) for layer in layers],
        "svds to 1e-8": lambda: [by_svds(layer, 2e-8) for layer in layers],
        "power method, told when it is at 1e-3": lambda: [by_power(layer, 1e-3) for layer in layers],
        "FFT and SVD": lambda: [by_fft_and_svd(layer) for layer in layers],
        "Gram iteration to 1e-3": lambda: [by_gram_iteration(layer, 1e-3) for layer in layers],
    }
    with threads(count), table.part(f"five convolutions, {count} thread{'s' * (count > 1)}"):
        seconds = interleaved(calls)
        targets = {"both sides": 3.0, "estimates to 1e-3": 0.5} if count == 1 else {}
        for name, value in seconds.items():
            table.add(f"{name}: seconds", value, at_most=targets.get(name))
        for name in ("svds to 1e-3", "power method, told when it is at 1e-3"):
            table.add(f"estimates: times faster than {name}", seconds[name] / seconds["estimates to 1e-3"], at_least=1)
        for name in ("svds to 1e-8", "FFT and SVD", "Gram iteration to 1e-3"):
            table.add(f"both sides: times faster than {name}", seconds[name] / seconds["both sides"], at_least=1)


def test_how_near_the_sides_are(layers: list[Layer], table: Table) -> None:
    with table.part("how near"):
        for layer in layers:
            bound = conv_norm(layer.weight, **layer.arguments)
            true = KNOWN[layer.name]
            table.add(
                f"{layer.name}: upper / true ({true:.4f}; {bound.method})",
                bound.upper / true,
                at_most=WANTED[layer.name],
            )
            table.add(f"{layer.name}: 1 - lower / true", 1 - bound.lower / true, at_most=1e-4)
            estimate = conv_norm_estimate(layer.weight, **layer.arguments)
            table.add(f"{layer.name}: 1 - estimate / true", 1 - estimate.lower / true, at_most=1e-3)
            everywhere = conv_norm_all_sizes(layer.weight, stride=layer.stride)
            table.add(f"{layer.name}: all sizes, upper / lower", everywhere.upper / everywhere.lower, at_most=1.0001)
            peers = {"FFT and SVD": by_fft_and_svd(layer), "Gram iteration": by_gram_iteration(layer, 1e-3)}
            for name, value in peers.items():
                table.add(f"{layer.name}: {name} on the grid without a shift / true", value / true)
            assert bound.lower <= true * (1 + 1e-9) <= bound.upper * (1 + 1e-9)


@pytest.mark.timeout(900)
def test_a_fully_connected_layer(table: Table) -> None:
    # 9216 x 4096 with a heavy tail, as trained ones have
    random = torch.Generator().manual_seed(0)
    weight = torch.empty(4096, 9216).normal_(0, 0.01, generator=random)
    ranks = torch.arange(1, 65, dtype=torch.float32)
    left, right = (torch.randn(size, 64, generator=random) / size**0.5 for size in weight.shape)
    weight += (left * (3 / ranks.sqrt())) @ right.T
    with threads(1), table.part("9216 x 4096, one thread"):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        seconds = interleaved(
            {"estimate": lambda: linear_norm_estimate(weight), "both": lambda: linear_norm(weight)}, 2
        )
        bound, estimate = linear_norm(weight), linear_norm_estimate(weight)
        table.add("estimate: seconds", seconds["estimate"], at_most=2.0)
        table.add("both sides: seconds", seconds["both"], at_most=4.0)
        table.add("upper / lower - 1", bound.upper / bound.lower - 1, at_most=1e-6)
        table.add("1 - estimate / lower", 1 - estimate.lower / bound.lower, at_most=1e-3)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        table.add("peak memory beyond the weight's and what the tests before took, GB", after - before, at_most=1.0)


@pytest.mark.timeout(900)
def test_growth_with_the_input(layers: list[Layer], table: Table) -> None:
    weight = layers[1].weight
    with threads(1), table.part("conv2's kernel on n x n pixels, one thread"):
        seconds = {}
        for size in (14, 28, 56, 112, 224):
            arguments = {"input_size": (size, size), "padding": 2}
            seconds[size] = interleaved({"both": lambda a=arguments: conv_norm(weight, **a)}, 2)["both"]
            bound = conv_norm(weight, **arguments)
            table.add(f"n = {size}: seconds", seconds[size])
            table.add(f"n = {size}: upper / lower - 1 ({bound.method})", bound.upper / bound.lower - 1)
        for size in (28, 56, 112, 224):
            allowed = 4 * math.log(size) / math.log(size / 2)
            table.add(f"seconds at {size} over {size // 2}", seconds[size] / seconds[size // 2], at_most=allowed)
