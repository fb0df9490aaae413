"""Whatever befalls the processes of a run, the next one finishes and leaves what an undisturbed run leaves.

By hand, for hours: ``-m faults`` goes through ``BLINDSPOTS_FAULTS`` seeds, 300 otherwise, from ``BLINDSPOTS_SEED`` on,
or through those of the kinds that ``BLINDSPOTS_KINDS`` names, such as ``worker,head``, ``BLINDSPOTS_AT_ONCE`` at a
time, 2 otherwise, and begins none after ``BLINDSPOTS_SECONDS``. It keeps every outcome in the file
``BLINDSPOTS_RESULTS``: a seed that is in it is not done again, so that a campaign that was stopped goes on. As root,
who may mount small disks.

Some kinds are among the tests of every run: ``test_distributed.py``.
"""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blindspots.study.file import validate_study
from tests.conftest import run_once
from tests.process_faults.campaign import Bench, Outcome, done_before, keep, kind_of, table, trial
from tests.process_faults.forked import Forked
from tests.process_faults.kinds import KINDS

SMALL = {
    "name": "small",
    "models": [
        {"name": "fc10", "paper": "FC10(1e-2)", "decay": [1e-2]},
        {"name": "fc12", "hidden": [12], "decay": [1e-4, 1e-4]},
    ],
    "training": {"images": 300, "iterations": 12, "checkpoint_every": 6},
    "sets": {"examples": 8, "shard": 4, "noise": [0.1], "rules": ["nearest"]},
    "negatives": {"images": 4, "directions": 2, "multiples": [1]},
    "bounds": {"certified": 1},
}
"""A study of every stage that a worker or the driver does, 30 shards in seven seconds."""


def test_a_campaign_goes_on_and_is_told_by_kind(tmp_path: Path) -> None:
    results = tmp_path / "results"
    assert done_before(results) == []
    right, wrong = Outcome(0, "worker", 3, 0, 1.5), Outcome(1, "head", 3, 1, 2.5, lost=2, wrong="a table", left=1)
    for outcome in (right, wrong):
        keep(outcome, results)
    assert done_before(results) == [right, wrong]
    assert [each.recovered for each in (right, wrong)] == [True, False]
    assert table([right, wrong]).splitlines()[2:] == [
        "| worker | 1 | 1 | 0 | 0 | 0 | 0 | 0 |",
        "| head | 1 | 0 | 2 | 0 | 1 | 0 | 1 |",
        "| all | 2 | 1 | 2 | 0 | 1 | 0 | 1 |",
    ]
    assert {kind_of(seed) for seed in range(7, 7 + len(KINDS))} == set(KINDS)


@pytest.mark.faults
@pytest.mark.timeout(0)
def test_as_many_faults_as_are_wanted(
    environment: dict[str, str],
    server: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = tmp_path / "small.yaml"
    study.write_text(json.dumps(validate_study(SMALL).model_dump(mode="json")))
    oracle = run_once("small", SMALL, tmp_path_factory)
    results = Path(os.environ.get("BLINDSPOTS_RESULTS", tmp_path / "results"))
    wanted = os.environ.get("BLINDSPOTS_KINDS", ",".join(KINDS)).split(",")
    first, until = int(os.environ.get("BLINDSPOTS_SEED", "0")), float(os.environ.get("BLINDSPOTS_SECONDS", "inf"))
    began, done = time.monotonic(), {each.seed for each in done_before(results)}
    seeds = range(first, first + int(os.environ.get("BLINDSPOTS_FAULTS", "300")))

    def one(seed: int) -> None:
        if time.monotonic() - began < until:
            keep(trial(seed, bench), results)

    with (
        Forked({**environment, "PREFECT_API_URL": server}, tmp_path / "forked") as forked,
        ThreadPoolExecutor(int(os.environ.get("BLINDSPOTS_AT_ONCE", "2"))) as pool,  # most of a trial is to wait
    ):
        bench = Bench(environment, server, str(study), oracle, tmp_path, forked)
        for _ in pool.map(one, [each for each in seeds if each not in done and kind_of(each) in wanted]):
            pass
    outcomes = done_before(results)
    with capsys.disabled():
        print(f"\n{table(outcomes)}")  # noqa: T201
    assert [each for each in outcomes if not each.recovered] == []
