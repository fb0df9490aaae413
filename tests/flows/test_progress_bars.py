"""The bars of a run: one a stage, where the store stands and as far as is told; nothing where stderr is no terminal."""

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
from flows.progress_bars import progress_bars


@pytest.fixture
def planned(tiny: Study, root: object) -> tuple[Workspace, Plan]:
    """The tiny study with one set of 50 images to be made anew."""
    workspace = open_root(tiny, str(root)).workspace
    for shard in range(3):
        workspace.place.delete(layout.receipt("sets/fc10/seed-0/train/random", shard))
    return workspace, make_plan(workspace)


def shown(monkeypatch: pytest.MonkeyPatch, planned: tuple[Workspace, Plan], *, terminal: bool) -> str:
    console = Console(force_terminal=terminal, width=160, record=True, stderr=True)
    monkeypatch.setattr(module, "Console", lambda stderr: console)
    with progress_bars(*planned) as observe:
        observe(Progress("generate", "sets/fc10/seed-0/train/random", 20, 50, "images", "20 images done"))
        observe(Progress("generate", "sets/fc10/seed-0/train/random", 40, 50, "images", "40 images done"))
    return console.export_text()


def test_a_bar_a_stage_stands_where_the_store_does(
    monkeypatch: pytest.MonkeyPatch, planned: tuple[Workspace, Plan]
) -> None:
    text = shown(monkeypatch, planned, terminal=True)
    for stage in STAGES:
        assert stage in text
    done, total = next(
        tuple(map(int, word.split("/")))
        for word in [line for line in text.splitlines() if "generate" in line][-1].split()
        if word.count("/") == 1 and word.replace("/", "").isdecimal()
    )
    assert total - done == 10  # of the 50 to do, 40 are told; the other sets were there
    assert "fc10/seed-0/train/random: 40 images done" in text


def test_nothing_is_shown_where_stderr_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, planned: tuple[Workspace, Plan]
) -> None:
    assert shown(monkeypatch, planned, terminal=False) == ""
