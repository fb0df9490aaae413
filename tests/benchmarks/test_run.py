"""``blindspots run`` as a user starts it: from an empty folder, then again; what of it is orchestration, and memory."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil
import pytest

from blindspots.datasets.dataset import Dataset

EVERY = 0.25


def memory(process: psutil.Process) -> int:
    """Return the memory of a process and all that it started, shared pages counted once (PSS), in bytes."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            total += member.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def run(root: Path, home: Path) -> dict[str, Any]:
    """Run the quick study and measure wall time and peak memory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RAY_"))}
    began, peak = perf_counter(), 0
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run", "--root", str(root), "--json"],
        stdout=subprocess.PIPE,
        env={**kept, "PREFECT_HOME": str(home)},
    )
    assert process.stdout is not None
    output: list[bytes] = []
    reader = threading.Thread(target=lambda: output.append(process.stdout.read()))  # type: ignore[union-attr]
    reader.start()
    watched = psutil.Process(process.pid)
    while reader.is_alive():
        try:
            peak = max(peak, memory(watched))
        except psutil.Error:
            break
        reader.join(EVERY)
    reader.join()
    assert process.wait() == 0
    outcome = json.loads(output[0])
    return {
        "seconds": perf_counter() - began,
        "peak_GiB": peak / 2**30,
        "jobs": outcome["jobs"],
        "busiest_worker_seconds": outcome.get("busiest_worker_seconds", 0.0),
    }


@pytest.mark.timeout(3600)
def test_first_run_and_second(
    mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Callable[[str, Any], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "prefect"
    first = run(tmp_path / "first", home)
    again = run(tmp_path / "first", home)
    second = run(tmp_path / "second", home)
    orchestration = second["seconds"] - second["busiest_worker_seconds"]
    print(f"\nfrom an empty folder, Prefect's database to be made: {first['seconds']:.1f} s, {first['jobs']} jobs")
    print(f"once more: {again['seconds']:.1f} s, {again['jobs']} jobs")
    print(f"from an empty folder, Prefect's database made: {second['seconds']:.1f} s")
    print(f"  of which orchestration (all but the busiest worker's work): {orchestration:.1f} s")
    print(f"  peak memory of all processes together: {second['peak_GiB']:.2f} GiB")
    assert (first["jobs"], again["jobs"], second["jobs"]) == (83, 0, 83)
    record("run", {"first": first, "again": again, "second": second, "orchestration_seconds": orchestration})
