"""What a store of ten million examples costs to be asked: time and memory, each in a process of its own.

``BLINDSPOTS_EXAMPLES`` (10 million) says how many, in two sets of the study; perturbations are zeros, and no image is
distorted. Run with ``python -m pytest tests/benchmarks/test_asking.py -n 0 -s``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from blindspots.jobs.stages.adversarial_sets import _VARIABLES
from blindspots.store import layout
from blindspots.store import root as store_root
from blindspots.store.arrays import Variable, create_group, open_root
from blindspots.store.place import Place
from blindspots.store.predictions import make_array, write_predictions
from blindspots.store.sealing import seal
from blindspots.study.file import validate_study

EXAMPLES = int(os.environ.get("BLINDSPOTS_EXAMPLES", "10_000_000"))
SHARD, IMAGES = 100_000, 60_000
MODELS = ("one", "two")
_ASK = """
import sys, time
from blindspots import Results, ask
from blindspots.results.tree import open_study
from blindspots.explorer.pages import Explorer
began, root = time.perf_counter(), sys.argv[1]
{what}
took = time.perf_counter() - began
with open("/proc/self/status") as status:
    most = next(line for line in status if line.startswith("VmHWM"))
print(took, int(most.split()[1]) / 1e6)
"""
_PICTURES = """
import re
explorer = Explorer(Results(root))
rows = re.findall("picture/distorted.png[^ ]*row=([0-9]+)", explorer.set_page([]))
assert len(rows) == 24, rows
for row in rows:
    explorer.picture("distorted", [("row", row)])
"""
ASKED = {
    "open_study": "open_study(root)",
    "quantiles by class": "ask(Results(root), 'distortions')",
    "fools every model": "ask(Results(root), 'fools')",
    "robustness": "ask(Results(root), 'robustness')",
    "agreement": "ask(Results(root), 'agreement')",
    "hardest": "ask(Results(root), 'hardest')",
    "explorer, first page": "Explorer(Results(root)).set_page([])",
    "explorer, first page and its 24 pictures": _PICTURES,
}
"""What is asked, as Python; importing the libraries is not counted."""


def test_ten_million_examples(tmp_path: Path, record: Callable[[str, Any], None]) -> None:
    write_store(tmp_path / "root")
    measured: dict[str, Any] = {"examples": EXAMPLES}
    for name, what in ASKED.items():
        code = [sys.executable, "-c", _ASK.format(what=what), str(tmp_path / "root")]
        done = subprocess.run(code, capture_output=True, text=True, cwd=Path(__file__).parents[2])
        assert done.returncode == 0, done.stderr
        seconds, gigabytes = map(float, done.stdout.split())
        measured[name] = {"s": round(seconds, 2), "GB": round(gigabytes, 2)}
        print(f"{name:42} {seconds:7.2f} s {gigabytes:6.2f} GB")
    record("asking", measured)


def write_store(root: Path) -> None:
    """Write what looks like a finished study, but for its weights."""
    rows, draw, place = EXAMPLES // len(MODELS), np.random.default_rng(0), Place.at(root)
    models = [{"name": name, "decay": [1.0 + number]} for number, name in enumerate(MODELS)]
    study = validate_study(
        {"name": "large", "models": models, "sets": {"shard": SHARD, "rules": ["nearest"], "noise": []}}
    )
    place.make()
    said = {"format": layout.FORMAT, "dataset": {"name": "mnist", "sha256": "0" * 64}, "stages": [], "finished": True}
    store_root._write(place, {**said, "study": study.model_dump(mode="json")})
    open_root(place)
    pixels = Variable("float32", "perturbation", "pixel value", ("channel", "height", "width"), (1, 28, 28))
    for source in MODELS:
        group = layout.adversarial_set(source, 0, "train", "nearest")
        create_group(
            place, group, {"perturbation": pixels, **_VARIABLES}, dim="example", rows=rows, shard=SHARD, attributes={}
        )
        node = zarr.open_group(place.path(layout.ZARR), path=group, mode="r+", use_consolidated=False)
        label = draw.integers(0, 10, rows).astype(np.int16)
        wrong = ((label + 1 + draw.integers(0, 9, rows)) % 10).astype(np.int16)
        size = draw.gamma(4, 0.01, rows)
        columns = {"example": draw.permutation(rows) % IMAGES, "label": label, "target": wrong, "predicted": wrong}
        columns |= {"clean_predicted": label, "distortion": size, "success": np.ones(rows, bool)}
        for name, values in (columns | {"lower_bound": size * 0.3, "exact": np.full(rows, np.nan)}).items():
            node[name][:] = values
        node["perturbation"].with_config({"write_empty_chunks": True})[:SHARD] = 0
        first = Path(place.path(layout.chunk(group, "perturbation", (0, 0, 0, 0))))
        for shard in range(1, -(-rows // SHARD)):
            path = Path(place.path(layout.chunk(group, "perturbation", (shard, 0, 0, 0))))
            path.parent.mkdir(parents=True)
            path.write_bytes(first.read_bytes())
        for reader in MODELS:
            read = wrong if reader == source else np.where(draw.random(rows) < 0.4, label, wrong)
            there, name = layout.predictions(source, 0, "train", "nearest"), layout.prediction("plain", reader)
            make_array(place, there, name, rows=rows, classes=10, attributes={})
            write_predictions(place, there, name, read.astype(np.int8))
    seal(place)


def main() -> None:
    """Write a store alone, to look at: ``python -m tests.benchmarks.test_asking ROOT``."""
    write_store(Path(sys.argv[1]))
    print(json.dumps({"root": sys.argv[1], "examples": EXAMPLES}))


if __name__ == "__main__":
    main()
