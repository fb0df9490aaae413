"""A run by Prefect and Ray on a GPU: its actors share it, one is killed, and the next run goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from blindspots.datasets.dataset import Dataset
from tests.blindspots.jobs.test_all_kinds import KINDS
from tests.flows.conftest import actors

COMMAND = (sys.executable, "-c", "import sys; sys.argv[0] = 'blindspots'; from flows.cli import main; main()")


def start(study: Path, root: Path, home: Path) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RAY_"))}
    command = (*COMMAND, "run", str(study), "--root", str(root), "--device", "cuda", "--workers", "3", "--json")
    return subprocess.Popen(
        command, env={**kept, "PREFECT_HOME": str(home)}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.timeout(400)
def test_actors_share_a_gpu_and_one_is_killed(mnist: Dataset, tmp_path: Path) -> None:
    study = tmp_path / "kinds.yaml"
    study.write_text(yaml.safe_dump({**KINDS, "sets": {**KINDS["sets"], "shard": 10}}))
    run, killed = start(study, tmp_path / "root", tmp_path / "home"), False
    for _ in range(1200):
        if run.poll() is not None:
            break
        workers = actors(run.pid)
        if not killed and len(workers) == 3 and len(list((tmp_path / "root").rglob("*.safetensors"))) > 2:
            os.kill(workers[0].pid, signal.SIGKILL)
            killed = True
        time.sleep(0.2)
    out, error = run.communicate(timeout=60)
    assert run.returncode == 0, error[-3000:]
    assert killed
    assert json.loads(out)["jobs"] > 10
    receipts = [json.loads(path.read_text()) for path in (tmp_path / "root").rglob("receipts/**/*.json")]
    devices = {receipt.get("device") for receipt in receipts}
    assert "cuda" in " ".join(map(str, devices)), devices
    again = start(study, tmp_path / "root", tmp_path / "home")
    out, error = again.communicate(timeout=120)
    assert again.returncode == 0, error[-3000:]
    assert json.loads(out)["jobs"] == 0
