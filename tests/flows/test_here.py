"""``blindspots run --here``: a whole study in this process, with neither Ray nor Prefect."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from blindspots.jobs.run import run_study
from blindspots.study.study import Study
from tests.flows.conftest import HOUSE, Call
from tests.stores import assert_same_content

_HERE = """
import sys
from flows.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*sorted({"ray", "prefect"} & set(sys.modules)), file=sys.stderr)
"""


def test_it_makes_the_same_store_and_imports_neither(study_file: str, tiny_root: Path, tmp_path: Path) -> None:
    arguments = ["run", study_file, "--here", "--root", str(tmp_path / "root"), "--json"]
    done = subprocess.run([sys.executable, "-c", _HERE, *arguments], capture_output=True, text=True, cwd=HOUSE)
    assert done.returncode == 0, done.stderr
    first, *lines, imported = done.stderr.splitlines()
    assert first == f"study tiny: 2 models of mnist, in {tmp_path / 'root'}"
    assert {line.split()[1] for line in lines} >= {"train:", "generate:", "tables:"}  # one each at the stage's end
    assert imported == ""
    outcome = json.loads(done.stdout)
    assert outcome["jobs"] == len(outcome["ran"]) > 20
    assert outcome["shards"] == sum(map(len, outcome["ran"].values())) == 50
    assert_same_content(tmp_path / "root", tiny_root)


def test_what_is_done_stays_done(call: Call, study_file: str, root: Path) -> None:
    said = call("run", study_file, "--here", "--root", str(root))
    assert "Nothing to do: all of it was done before" in said


def test_workers_are_refused(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "leave one of the two out" in call.refusal("run", "--here", "--workers", "2")
    assert not list(tmp_path.iterdir())


def test_progress_counts_on_from_shard_to_shard(tiny: Study, root: Path) -> None:
    """A set of three shards of 20, 20 and 10 images, made anew, ends at 50 and never goes back."""
    key = "sets/fc10/seed-0/train/random"
    for receipt in (root / "receipts" / key).iterdir():
        receipt.unlink()
    told: list[int] = []
    run_study(tiny, root, on_progress=lambda progress: told.append(progress.done) if progress.job == key else None)
    assert told == [20, 40, 50]
