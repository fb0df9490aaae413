import ast
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest

from blindspots.compiled import compiled
from tests.house import parsed

HOUSE = Path(__file__).parents[2]

KERNEL = """
import numpy as np
from blindspots.compiled import compiled


@compiled
def total(values):
    found = 0.0
    for value in values:
        found += value
    return found


@compiled
def quotient(first, second):
    return first / second


print(total(np.arange(5.0)), sum(total.stats.cache_hits.values()), quotient(1.0, 0.0), quotient(0.0, 0.0))
"""  # in a file of its own, so that nothing is kept from before


def test_a_kernel_is_kept_on_disk_for_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "kernel.py"
    file.write_text(KERNEL)
    seen = [subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True) for _ in range(2)]
    # and infinity and NaN keep their meaning
    assert [process.stdout.split() for process in seen] == [["10.0", hits, "inf", "nan"] for hits in ("0", "1")]


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def without_a_place(**options: object) -> object:
        asked.append(options.get("cache", False))
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(**options)

    monkeypatch.setattr("blindspots.compiled.numba", SimpleNamespace(njit=without_a_place))
    doubled = compiled(lambda values: 2 * values)
    assert doubled(np.array([1.5])).tolist() == [3.0]
    assert asked == [True, False]


def test_a_kernel_runs_without_pythons_lock() -> None:
    assert compiled(lambda values: values).targetoptions["nogil"] is True


def kernels(file: Path) -> dict[str, tuple[str, set[str]]]:
    """Return how each kernel of a file is compiled, and which kernels of the file it calls."""
    found = {}
    for node in parsed(file).body:
        if isinstance(node, ast.FunctionDef):
            how = {each.id for each in node.decorator_list if isinstance(each, ast.Name)} & {"compiled", "inlined"}
            calls = (each.func for each in ast.walk(node) if isinstance(each, ast.Call))
            if how:
                found[node.name] = (how.pop(), {each.id for each in calls if isinstance(each, ast.Name)})
    return {name: (how, calls & found.keys()) for name, (how, calls) in found.items()}


def test_what_kernels_call_is_compiled_into_them() -> None:
    """A kernel of its own beside its copies would have other sums, and serve for them where it is loaded first."""
    called = 0
    for file in (HOUSE / "blindspots").rglob("*.py"):
        found = kernels(file)
        for _, calls in found.values():
            for name in calls:
                assert found[name][0] == "inlined", f"{file.relative_to(HOUSE)}: {name} is called by another kernel"
                called += 1
    assert called > 10


SETS = """
import hashlib, torch
from torch import nn
from blindspots import minimum_distortion
torch.manual_seed(0)
torch.set_num_threads(1)
network = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.Sigmoid(), nn.Linear(100, 10))
with torch.no_grad():
    network[1].weight.mul_(8), network[3].weight.mul_(8)
images = torch.rand(60, 784)
for method in ("auto", "lbfgs", "lbfgs-norm", "projection"):
    found = minimum_distortion(network, images, network(images).argmax(1), rule="random", method=method)
    print(method, hashlib.sha256(found.perturbation.numpy().tobytes()).hexdigest())
"""


@pytest.mark.faults  # it compiles every kernel of the search: half a minute
def test_whoever_compiles_the_kernels_finds_the_bits_of_whoever_loads_them(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SETS]
    first, second = (subprocess.run(command, capture_output=True, text=True, env=environment, cwd=HOUSE) for _ in "12")
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert list(tmp_path.rglob("*.nbc"))
    assert first.stdout == second.stdout
    assert first.stdout.count("\n") == 4
