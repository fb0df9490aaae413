"""Runs under which something dies that they stand on, by hand: ``pytest -m faults tests/flows/test_gone.py``.

Each takes its server and its Ray with it, says one line, and the next run goes on.
"""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from blindspots.study.study import Study
from tests.flows.conftest import CommandLine, actors, descendants, end, is_alive, listening, wait_for

ENDLESS = [f"--set=training.{field}" for field in ("images=5000", "iterations=1000000", "tolerance=1e-30")]


def named(processes: list[psutil.Process], what: str) -> psutil.Process:
    """Return the process among some whose command has ``what`` in it."""
    return next(each for each in processes if what in " ".join(each.cmdline()))


@pytest.mark.faults
@pytest.mark.parametrize(
    ("victim", "said"),
    [
        ("raylet/raylet", "Ray's raylet is gone"),
        ("gcs/gcs_server", "Ray's gcs_server is gone"),
        ("prefect server start", "the Prefect server of this run is gone"),
    ],
)
def test_a_run_whose_ray_or_server_dies_ends_within_a_minute(
    environment: dict[str, str], study_file: str, tiny: Study, tmp_path: Path, victim: str, said: str
) -> None:
    alone = CommandLine({**environment, "PREFECT_HOME": str(tmp_path / ".prefect")})
    root = tmp_path / "root"
    process = alone.start("run", study_file, "--root", str(root), "--workers", "2", *ENDLESS)
    try:
        wait_for(lambda: list(root.glob("models/*/seed-0.checkpoint.safetensors")), 240)
        wait_for(lambda: len(actors(process.pid)) == 2, 60)
        family = descendants(process.pid)
        assert listening([psutil.Process(process.pid), *family]) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
        os.kill(named(family, victim).pid, signal.SIGKILL)
        started = time.monotonic()
        _, err = process.communicate(timeout=90)
    finally:
        end(process)
    assert time.monotonic() - started < 60
    assert process.returncode == 1
    assert f"blindspots: {said}, so this run ends" in err
    assert "Traceback" not in err
    wait_for(lambda: not any(is_alive(member) for member in family), 30)
    alone("run", study_file, "--root", str(root), "--here", "--dry-run")
