"""How far a run is, as one artifact that is brought up to date."""

import contextlib
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from blindspots.jobs.job import Progress
from blindspots.jobs.opening import open_root
from blindspots.jobs.plan import Plan, make_plan
from blindspots.jobs.workspace import Workspace
from blindspots.study.study import Study
from flows.operating import whole_progress as module
from flows.operating.whole_progress import shown
from flows.session import Session
from tasks.actors.workers import Workers


@pytest.fixture
def planned(tiny: Study, tmp_path: Path, mnist: object) -> tuple[Workspace, Plan]:
    """The tiny study in a new root."""
    workspace = open_root(tiny, tmp_path / "new").workspace
    return workspace, make_plan(workspace)


def test_one_artifact_is_brought_up_to_date_until_the_run_ends(
    planned: tuple[Workspace, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    created: list[dict[str, Any]] = []
    updates: list[tuple[float, str]] = []

    def create(progress: float, *, key: str, description: str) -> str:
        created.append({"key": key, "progress": progress})
        return "the artifact"

    def update(artifact: str, *, progress: float, description: str) -> None:
        assert artifact == "the artifact"
        updates.append((progress, description))
        if len(updates) == 1:
            raise OSError("the server is busy")

    monkeypatch.setattr(module, "create_progress_artifact", create)
    monkeypatch.setattr(module, "update_progress_artifact", update)
    monkeypatch.setattr(module, "_EVERY_SECONDS", 0.01)
    told: list[Progress] = []
    running = Session(*planned, Workers(1), observer=told.append)
    with contextlib.suppress(KeyboardInterrupt), shown(running):
        running.observer(Progress("train", "models/fc10/seed-0", 60, 60, "iterations"))
        while len(updates) < 3:
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert len(created) == 1
    assert created[0]["progress"] == 0
    assert len(told) == 1
    assert updates[2][0] > 0
    assert updates[2][1].startswith("train: 1 of 2 models")
    assert updates[-1][1].startswith("ended; train: 1 of 2 models")
    assert running.observer == told.append
    with shown(running):
        pass
    assert updates[-1] == (100, "done")  # also where jobs that waited turned out to be done


def test_nothing_is_shown_where_nothing_is_to_do(
    tiny: Study, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "create_progress_artifact", lambda *_, **__: pytest.fail("an artifact was made"))
    caplog.set_level(logging.DEBUG)
    workspace = open_root(tiny, root).workspace
    with shown(Session(workspace, make_plan(workspace), Workers(1))):
        pass
