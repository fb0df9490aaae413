"""A run by Prefect and Ray on a GPU: its actors share it, one is killed, and the next run goes on."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import yaml

from blindspots.datasets.dataset import Dataset
from tests.blindspots.jobs.test_all_kinds import KINDS
from tests.flows.conftest import CommandLine, actors


@pytest.mark.timeout(400)
def test_actors_share_a_gpu_and_one_is_killed(mnist: Dataset, tmp_path: Path) -> None:
    study = tmp_path / "kinds.yaml"
    study.write_text(yaml.safe_dump({**KINDS, "sets": {**KINDS["sets"], "shard": 10}}))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RAY_"))}
    command = CommandLine({**kept, "PREFECT_HOME": str(tmp_path / "home")})
    asked = ("--device", "cuda", "--workers", "3")
    run, killed = command.start("run", str(study), "--root", str(tmp_path / "root"), "--json", *asked), False
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
    assert command.run(str(study), tmp_path / "root", *asked)["jobs"] == 0
