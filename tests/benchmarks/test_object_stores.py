"""What a study's shards cost on an object store that answers 5 ms later, beside a local folder.

On moto's server, which answers slowly itself, or on the one that ``AWS_ENDPOINT_URL`` names (``http://127.0.0.1:port``),
below the address ``BLINDSPOTS_ROOT``. Run with ``python -m pytest tests/benchmarks/test_object_stores.py -n 0 -s``.
"""

import os
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from blindspots.jobs.expansion import expand
from blindspots.jobs.opening import workspace_of
from blindspots.jobs.run import run_study
from blindspots.store.places.bucket import opened_bucket
from blindspots.study.file import validate_study
from tests.delaying import delayed

MILLISECONDS = 5
STUDY = {
    "name": "shards",
    "models": [
        {"name": "fc10", "decay": [1e-4]},
        {"name": "fc100-100-10", "hidden": [100, 100], "decay": [1e-5, 1e-5, 1e-6]},
    ],
    "training": {"images": 2000, "iterations": 50},
    "sets": {"examples": 2000, "shard": 1000, "noise": [0.1]},
    "negatives": {"images": 0},
    "bounds": {"certified": 0},
}


def stages(root: str) -> Counter[str]:
    """Return the seconds of all shards by stage, as their receipts have them."""
    workspace = workspace_of(root)
    found: Counter[str] = Counter()
    for job in expand(workspace.study):
        for shard in range(job.shards(workspace)):
            receipt = job.receipt(workspace, shard)
            assert receipt is not None
            found[job.stage] += receipt.seconds  # type: ignore[assignment]
    return found


def test_shards_on_an_object_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "AWS_ENDPOINT_URL" not in os.environ:
        request.getfixturevalue("s3")
    port = urlsplit(os.environ["AWS_ENDPOINT_URL"]).port
    assert port is not None
    root, study = os.environ.get("BLINDSPOTS_ROOT", "s3://tests/shards"), validate_study(STUDY)
    run_study(validate_study({**STUDY, "sets": {"examples": 10, "noise": []}}), tmp_path / "warm")
    run_study(study, tmp_path / "local")
    with delayed(port, MILLISECONDS) as later:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{later}")
        opened_bucket.cache_clear()
        run_study(study, root)
        here, there = stages(str(tmp_path / "local")), stages(root)
    opened_bucket.cache_clear()
    print(f"\n{'':12} {'local':>9} {'there':>9}")
    for stage, seconds in here.items():
        print(f"{stage:12} {seconds:7.2f} s {there[stage]:7.2f} s {there[stage] / max(seconds, 1e-9):6.2f}")
    print(f"all {sum(there.values()) / sum(here.values()):.2f}")
