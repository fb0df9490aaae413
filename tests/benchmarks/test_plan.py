"""How long a look at a store of 10 000 shards takes: opening it, and seeing what is done and what is to do.

The shards' files hold one byte each, since a plan looks at receipts, names and sizes: what it costs is a shard's, not a
byte's. Run with ``python -m pytest tests/benchmarks/test_plan.py -n 0 -s``; with ``BLINDSPOTS_ROOT``, an address
below which nothing is yet, on an object store.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter, process_time

import pytest

from blindspots.jobs.opening import workspace_of
from blindspots.jobs.plan import make_plan
from blindspots.jobs.run import run_study
from blindspots.jobs.stages.adversarial_sets import AdversarialSet
from blindspots.store import layout, receipts
from blindspots.store.place import Place
from blindspots.store.receipts import Receipt, forget, library_versions, pack_receipts, rewrite_receipt
from blindspots.study.file import validate_study
from tests.stores import rewrite_study

SHARDS = int(os.environ.get("BLINDSPOTS_SHARDS", "10000"))
STUDY = {
    "name": "many-shards",
    "models": [{"name": "fc10", "decay": [1e-2]}],
    "training": {"images": 100, "iterations": 5},
    "sets": {"rules": ["nearest"], "examples": 6, "shard": 6, "noise": [], "amplified_splits": []},
    "negatives": {"images": 0},
    "bounds": {"models": False, "certified": 0},
}


def test_a_plan_of_many_shards(tmp_path: Path) -> None:
    root = os.environ.get("BLINDSPOTS_ROOT", str(tmp_path / "root"))
    place = Place.at(root)
    run_study(validate_study(STUDY), root)
    whole = validate_study({**STUDY, "sets": {**STUDY["sets"], "examples": 6 * SHARDS}})
    rewrite_study(root, study=whole.model_dump(mode="json"))
    workspace = workspace_of(root)
    job = AdversarialSet(split="train", model="fc10", seed=0, rule="nearest")

    def leave(shard: int, identity: str | None) -> None:
        assert identity is not None
        files = job.files(workspace, shard)
        for file in files.values():
            place.write(file, b"x")
        receipt = Receipt(
            identity,
            identity,
            0.1,
            dict.fromkeys(files, identity),
            dict.fromkeys(files, 1),
            versions=library_versions(),
        )
        rewrite_receipt(place, layout.receipt(job.key, shard), receipt)

    with ThreadPoolExecutor(16) as writers:
        list(writers.map(leave, *zip(*enumerate(job.identities(workspace)), strict=True)))

    took = {}
    pack_receipts(place)  # as a run does at its end
    for look in ("open", "one by one", "of the pack", "again"):
        if look != "again":
            forget(place)  # as another process, which has read none
        began = perf_counter(), process_time()
        if look == "open":
            workspace = workspace_of(root)
        else:
            with pytest.MonkeyPatch.context() as patch:
                if look == "one by one":
                    patch.setattr(receipts, "read_pack", lambda place: {})
                plan = make_plan(workspace)
        took[look] = perf_counter() - began[0], process_time() - began[1]
    assert job.key not in plan.to_do
    assert job.key not in plan.waiting
    assert "transfer/fc10/fc10/seed-0" in plan.to_do
    print()
    for what, (seconds, busy) in took.items():
        print(f"{what:12} {seconds:6.2f} s, {busy:6.2f} s of CPU, {SHARDS} shards")
    workspace.place.delete(next(iter(job.files(workspace, 77).values())))
    assert make_plan(workspace).to_do[job.key] == (77,)
