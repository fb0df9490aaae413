"""The public API as tools see it: a user's file, checked by ``mypy --strict`` against the installed package.

The file lies in a folder of its own, and mypy does not read PYTHONPATH: what it sees is what pip has installed in the
environment of these tests, with its ``py.typed`` or without. A package without types would be ``Any`` throughout, and
pass whatever is written; so what mypy reveals is compared, and mistakes are looked for.
"""

import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.xdist_group("public_api")  # mypy reads torch for half a minute: once

CLIENT = '''
"""Somebody's script."""

import torch
from torch import nn

import blindspots
from blindspots import Results, conv_norm, minimum_distortion, network_bounds
from blindspots.spectral import conv_norm as norm_of_the_folder

model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
images, labels = torch.rand(5, 1, 2, 2), torch.zeros(5, dtype=torch.int64)

reveal_type(blindspots.__version__)  # version

found = minimum_distortion(model, images, labels, rule="nearest")
reveal_type(minimum_distortion)  # search
reveal_type(found)  # found
reveal_type(found.distortion)  # distortion

bound = conv_norm(torch.rand(2, 1, 3, 3), input_size=(8, 8), padding="same")
reveal_type(conv_norm)  # norm
reveal_type(norm_of_the_folder)  # norm again
reveal_type(bound)  # bound
reveal_type(bound.upper)  # upper

bounds = network_bounds(model, (1, 2, 2))
reveal_type(network_bounds)  # network
reveal_type(bounds)  # bounds

with Results("root") as results:
    reveal_type(results)  # results
    reveal_type(results.study)  # study
    reveal_type(results.tree)  # tree
    reveal_type(results.table)  # table
    reveal_type(results.group("transfer"))  # group
    reveal_type(results.network)  # stored network
'''

MISTAKES = """
minimum_distortion(model, images, "labels")  # arg-type
minimum_distortion(model, images, labels, 7)  # call-arg
found.distorsion  # attr-defined
conv_norm(torch.rand(2, 1, 3, 3))  # call-arg
conv_norm(torch.rand(2, 1, 3, 3), input_size=8.0)  # arg-type
text: str = bound.upper  # assignment
network_bounds(model, "1x2x2")  # arg-type
network_bounds(model)  # call-arg
Results(7)  # arg-type
results.network(7)  # arg-type
results.studies  # attr-defined
blindspots.minimal_distortion  # attr-defined
"""

SEEN = {
    "version": r"str",
    "search": r"def \(model: torch\.nn\.modules\.module\.Module \| \(def .*\), images: torch\._tensor\.Tensor, "
    r"labels: torch\._tensor\.Tensor, \*, rule: .*, method: .*, effort: .*, seed: int.*\)"
    r" -> blindspots\.distortion\..*\.MinimumDistortion",
    "found": r"blindspots\.distortion\..*\.MinimumDistortion",
    "distortion": r"torch\._tensor\.Tensor",
    "norm": r"def \(weight: torch\._tensor\.Tensor, \*, input_size: .*Sequence\[int\].*"
    r"tolerance: float.*\) -> blindspots\.spectral\..*\.Bound",
    "norm again": r"def \(weight: torch\._tensor\.Tensor, \*, input_size: .*\) -> blindspots\.spectral\..*\.Bound",
    "bound": r"blindspots\.spectral\..*\.Bound",
    "upper": r"float",
    "network": r"def \(model: torch\.nn\.modules\.module\.Module, input_shape: .*tuple\[int, \.\.\.\].*"
    r"\) -> xarray\.core\.dataset\.Dataset",
    "bounds": r"xarray\.core\.dataset\.Dataset",
    "results": r"blindspots\.results\..*\.Results",
    "study": r"blindspots\.study\.study\.Study",
    "tree": r"xarray\.core\.datatree\.DataTree",
    "table": r"def \(name: str\) -> xarray\.core\.dataset\.Dataset \| None",
    "group": r"xarray\.core\.dataset\.Dataset",
    "stored network": r"def \(name: str, seed: int =\) -> torch\.nn\.modules\.module\.Module",
}
"""What mypy has to reveal, by the comment on the line that asks."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What mypy says of each line of the client with its mistakes, by the line's number."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "client.py").write_text(CLIENT + MISTAKES)
    environment = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    options = ["--strict", "--config-file=", "--no-error-summary", "--hide-error-context"]
    command = [sys.executable, "-m", "mypy", *options, "client.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    lines: dict[int, str] = {}
    for line in done.stdout.splitlines():
        match = re.match(r"client\.py:(\d+): (.*)", line)
        assert match is not None, done.stdout + done.stderr
        lines[int(match[1])] = lines.get(int(match[1]), "") + match[2]
    return lines


def numbered(text: str, *, after: int = 0) -> dict[int, str]:
    """Return the comments of a text's lines by the lines' numbers, where there is one."""
    return {
        after + number: line.rpartition("  # ")[2] for number, line in enumerate(text.split("\n"), 1) if "  # " in line
    }


def test_types_of_arguments_and_results_are_seen(said: dict[int, str]) -> None:
    asked = numbered(CLIENT)
    assert set(asked.values()) == set(SEEN)
    for number, what in asked.items():
        assert re.fullmatch(f'note: Revealed type is "{SEEN[what]}"', said.get(number, "")), said.get(number)


def test_right_use_is_right(said: dict[int, str]) -> None:
    beside = {number: line for number, line in said.items() if number not in numbered(CLIENT)}
    first = CLIENT.count("\n") + 1
    assert not {number: line for number, line in beside.items() if number < first}


def test_mistakes_are_reported(said: dict[int, str]) -> None:
    for number, code in numbered(MISTAKES, after=CLIENT.count("\n")).items():
        found = said.get(number, "nothing")
        assert found.startswith("error: "), (number, found)
        assert f"[{code}]" in found
