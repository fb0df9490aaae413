"""The bars of a run: one a stage, where the store stands and as far as is told; lines where stderr is no terminal."""

import contextlib

import pytest
from rich.console import Console

from blindspots.jobs.job import Progress
from blindspots.jobs.opening import open_root
from blindspots.jobs.plan import Plan, make_plan
from blindspots.jobs.stage import STAGES
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.study.study import Study
from flows import progress_bars as module
from flows.operating import estimate
from flows.progress_bars import progress_bars


@pytest.fixture
def planned(tiny: Study, root: object) -> tuple[Workspace, Plan]:
    """The tiny study with one set of 50 images to be made anew."""
    workspace = open_root(tiny, str(root)).workspace
    for shard in range(3):
        workspace.place.delete(layout.receipt("sets/fc10/seed-0/train/nearest", shard))
    return workspace, make_plan(workspace)


def shown(monkeypatch: pytest.MonkeyPatch, planned: tuple[Workspace, Plan]) -> str:
    console = Console(force_terminal=True, width=160, record=True, stderr=True)
    monkeypatch.setattr(module, "Console", lambda stderr: console)
    with progress_bars(*planned) as observe:
        observe(Progress("generate", "sets/fc10/seed-0/train/nearest", 20, 50, "images", "20 images done"))
        observe(Progress("generate", "sets/fc10/seed-0/train/nearest", 40, 50, "images", "40 images done"))
    return console.export_text()


def test_a_bar_a_stage_stands_where_the_store_does(
    monkeypatch: pytest.MonkeyPatch, planned: tuple[Workspace, Plan]
) -> None:
    text = shown(monkeypatch, planned)
    for stage in STAGES:
        assert (stage in text) == bool(planned[1].stage(stage)), "what the study has no jobs of is not shown"
    assert "2/2 models" in text  # and not how many iterations they might have taken
    done, total = next(
        tuple(map(int, word.split("/")))
        for word in [line for line in text.splitlines() if "generate" in line][-1].split()
        if word.count("/") == 1 and word.replace("/", "").isdecimal()
    )
    assert total - done == 10  # of the 50 to do, 40 are told; the other sets were there
    assert "fc10/seed-0/train/nearest: 40 images done" in text


def test_the_whole_has_a_bar_with_the_time_left(
    monkeypatch: pytest.MonkeyPatch, planned: tuple[Workspace, Plan]
) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(estimate, "monotonic", lambda: now[0])
    for width in (80, 160):
        console = Console(force_terminal=True, width=width, record=True, stderr=True)
        monkeypatch.setattr(module, "Console", lambda stderr, console=console: console)
        with contextlib.suppress(KeyboardInterrupt), progress_bars(*planned) as observe:
            for done in (0, 20):
                now[0] += 20
                observe(Progress("generate", "sets/fc10/seed-0/train/nearest", done, 50, "images"))
            raise KeyboardInterrupt  # before its end
        last = [line for line in console.export_text().splitlines() if "whole" in line][-1]
        assert "% " in last
        assert "100%" not in last
        assert "0:00:" in last
        assert "left" in last, "20 images took 20 s, and 30 are left, with all that reads the set"
        with progress_bars(*planned):
            pass
        assert "100%" in [line for line in console.export_text().splitlines() if "whole" in line][-1]


def test_lines_take_the_place_of_bars_where_stderr_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, planned: tuple[Workspace, Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(estimate, "monotonic", lambda: now[0])
    console = Console(force_terminal=False, width=160, record=True, stderr=True)
    monkeypatch.setattr(module, "Console", lambda stderr: console)
    job = "sets/fc10/seed-0/train/nearest"
    with progress_bars(*planned) as observe:
        for done, later in ((10, 1), (20, 28), (30, 1), (40, 40), (45, 1), (50, 1)):
            now[0] += later
            observe(Progress("generate", job, done, 50, "images"))
    assert console.export_text() == ""
    # half a minute after the start, then after the last line; and at the stage's end, however soon
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" of ")[0] for line in said] == [
        "[00:30] generate: 380",
        "[01:10] generate: 390",
        "[01:12] generate: 400",
    ]
    assert all("left of the whole" in line for line in said), "reckoned from 15 s of work"
    assert "400 of 400 images" in said[-1]
