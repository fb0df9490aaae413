"""A run on this machine says in one line, before anything else, what keeps it from starting. Runs: test_distributed."""

import json
from pathlib import Path

import pytest

from tests.conftest import TINY
from tests.flows.conftest import Call


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("variable", "wrong", "said"),
    [
        ("RAY_TMPDIR", "/tmp/" + "a" * 90, " is too deep for the sockets of Ray "),
        ("PREFECT_HOME", "/dev/null/there", " cannot be written (Not a directory)"),
        ("PREFECT_API_URL", "http://127.0.0.1:9/api", "no Prefect server answers at PREFECT_API_URL="),
        ("BLINDSPOTS_WORKER_MEMORY", "much", "='much' is no size; write it as 1500M or 2G"),
        ("BLINDSPOTS_WORKER_MEMORY", "900000G", "='900000G' is more than 1 worker can have of the "),
    ],
)
def test_what_keeps_server_or_ray_from_starting_is_one_line(
    variable: str,
    wrong: str,
    said: str,
    begun: bool,
    call: Call,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("RAY_TMPDIR", "PREFECT_API_URL", "BLINDSPOTS_WORKER_MEMORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv(variable, wrong)
    study = tmp_path / "tiny.yaml"
    study.write_text(json.dumps(TINY))
    place = root if begun else tmp_path / "new"
    left = ["--set", "negatives.directions=6"]  # so that there is work where all was done
    assert said in call.refusal("run", str(study), "--root", str(place), "--workers", "1", *left)
