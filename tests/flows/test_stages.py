"""Who does which jobs of a stage."""

from pathlib import Path
from typing import Any

import pytest
import torch

from blindspots.jobs.opening import open_root
from blindspots.jobs.plan import make_plan
from blindspots.study.file import validate_study
from flows.session import Session
from flows.stages import _doer
from tasks.actors.here import Here
from tasks.actors.workers import Workers
from tests.conftest import TINY


@pytest.mark.parametrize("there", [False, True])
def test_actors_do_what_a_driver_without_their_device_cannot_lead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist: object, there: bool
) -> None:
    pooled = {"name": "pooled", "hidden": [20], "decay": [1e-4, 1e-4], "pools": {"size": 50}}
    study = validate_study({**TINY, "models": [*TINY["models"], pooled]})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    opened = open_root(study, tmp_path / "new", device="cuda", elsewhere=True)
    workers = Workers(2, opened.workspace)
    running = Session(opened.workspace, make_plan(opened.workspace), workers)
    here: Any = Here(opened.workspace, workers)
    doers = {job.key: _doer(running, here, job, divided=1) for job in running.plan.jobs}
    assert doers["models/fc10/seed-0"] is workers
    assert doers["tables/table1"] is here
    assert doers["models/pooled/seed-0"] is (here if there else workers)  # whose pools actors make, while it is trained
    several = {job.key: _doer(running, here, job, divided=2) for job in running.plan.jobs}
    assert several["models/pooled/seed-0"] is workers  # a worker each: none waits for another
    assert several["tables/table1"] is here
    workers.count = 1
    one = {job.key: _doer(running, here, job, divided=2) for job in running.plan.jobs}
    assert one == doers
    workers.close()
