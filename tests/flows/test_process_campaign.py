"""Whatever befalls the processes of a run, the next one finishes and leaves what an undisturbed run leaves.

By hand, for hours: ``-m faults`` goes through ``BLINDSPOTS_FAULTS`` seeds, 300 otherwise, from ``BLINDSPOTS_SEED`` on,
or through those of the kinds that ``BLINDSPOTS_KINDS`` names, such as ``worker,head``, and begins none after
``BLINDSPOTS_SECONDS``. It keeps every outcome in the file ``BLINDSPOTS_RESULTS``: a seed that is in it is not done
again, so that a campaign that was stopped goes on. As root, who may mount small disks.

Some kinds are among the tests of every run: ``test_distributed.py``.
"""

import os
import time
from pathlib import Path

import pytest

from tests.process_faults.campaign import Bench, Outcome, done_before, keep, kind_of, table, trial
from tests.process_faults.kinds import KINDS


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
    study_file: str,
    tiny_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench = Bench(environment, server, study_file, tiny_root, tmp_path)
    results = Path(os.environ.get("BLINDSPOTS_RESULTS", tmp_path / "results"))
    wanted = os.environ.get("BLINDSPOTS_KINDS", ",".join(KINDS)).split(",")
    first, until = int(os.environ.get("BLINDSPOTS_SEED", "0")), float(os.environ.get("BLINDSPOTS_SECONDS", "inf"))
    began, done = time.monotonic(), {each.seed for each in done_before(results)}
    for seed in range(first, first + int(os.environ.get("BLINDSPOTS_FAULTS", "300"))):
        if seed in done or kind_of(seed) not in wanted or time.monotonic() - began > until:
            continue
        outcome = trial(seed, bench)
        keep(outcome, results)
        with capsys.disabled():
            print(outcome)  # noqa: T201
    outcomes = done_before(results)
    with capsys.disabled():
        print(f"\n{table(outcomes)}")  # noqa: T201
    assert [each for each in outcomes if not each.recovered] == []
