"""What a finished run leaves on its page: keys of its own, tables as people read them, no figure in another's way."""

import logging
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures import FIGURES, FigureEntry
from blindspots.jobs.opening import open_root
from blindspots.jobs.plan import make_plan
from blindspots.jobs.workspace import Workspace
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.study.study import Study
from flows.operating import page
from flows.operating.page import artifact_key, publish
from flows.session import Session
from tasks.actors.workers import Workers
from tests.blindspots.tables.conftest import changed, stored
from tests.held import Held


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What is published, by its key."""
    found: dict[str, dict[str, Any]] = {}
    for kind in ("image", "link", "markdown"):
        monkeypatch.setattr(page, f"create_{kind}_artifact", lambda *, key, **fields: found.update({key: fields}))
    monkeypatch.setattr(page, "get_run_logger", lambda: logging.getLogger("a run"))
    return found


def test_keys_are_of_study_and_root(tiny: Study) -> None:
    keys = {
        artifact_key(Workspace(study, Place.at(root)), "table-1")
        for study in (tiny, tiny.model_copy(update={"name": "tiny-1.0"}))
        for root in ("/data/one", "/data/two", "/other/one")
    }
    assert len(keys) == 6
    for key in keys:
        assert key.startswith("tiny-")
        assert key.endswith("-table-1")
        assert key.replace("-", "").isalnum()
        assert key.islower()


def test_a_finished_run_shows_what_came_of_it(
    tiny: Study, root: Path, published: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "_BESIDE_THE_PAPERS", ())  # one figure is enough
    monkeypatch.setattr("blindspots.report.build.build_report", lambda results: f"the page of {results.study.name}")
    workspace = open_root(tiny, root).workspace
    running = Session(workspace, make_plan(workspace), Workers(1), ran={"models/fc10/seed-0": (0,)})
    publish(running, report=True)
    whats = {key.rpartition("root-")[2].partition("-")[2]: fields for key, fields in published.items()}
    assert whats.keys() == {
        "verdict",
        "figure-7",
        "report",
        *(f"table-{name}" for name in ("1", "2", "negatives", "bounds")),
    }
    assert whats["verdict"]["markdown"].startswith("Nothing here can be held against the paper")
    assert "1 jobs, 1 shards" in whats["verdict"]["markdown"]
    assert max(len(cell) for cell in whats["table-2"]["markdown"].split()) < 20  # no number of 17 digits
    assert whats["figure-7"]["image_url"].startswith("data:image/png;base64,")
    assert whats["report"]["link"] == (root / layout.REPORT).as_uri()
    assert (root / layout.REPORT).read_text() == "the page of tiny"


@pytest.mark.parametrize("reason", ["failed", "nobody looks"])
def test_nothing_is_shown_of_a_run_that_failed_or_that_nobody_can_see(
    tiny: Study, root: Path, published: dict[str, dict[str, Any]], reason: str
) -> None:
    workspace = open_root(tiny, root).workspace
    running = Session(workspace, make_plan(workspace), Workers(1), watched=reason == "failed")
    running.failed.update(["models/fc10/seed-0"] * (reason == "failed"))
    publish(running, report=True)
    assert published == {}


def test_a_figure_that_cannot_be_drawn_is_told_and_the_others_are_published(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, published: dict[str, dict[str, Any]]
) -> None:
    def lacking(results: Results) -> Figure:
        raise InputError("the store lacks it")

    def broken(results: Results) -> Figure:
        raise ZeroDivisionError("by a mistake of ours")

    entries = {
        name: FigureEntry(name, "a figure", draw=draw)
        for name, draw in (("91", lacking), ("92", broken), ("93", lambda results: Figure()))
    }
    for entry in entries.values():
        FIGURES.add(entry)
    monkeypatch.setattr(page, "FIGURES", entries)  # no others
    results = Held(stored(1), changed())
    try:
        page._publish_figures(Workspace(results.study, results.place), results)
    finally:
        for name in entries:
            FIGURES.remove(name)
    assert [key[-9:] for key in published] == ["figure-93"]
    told = {record.getMessage(): record.exc_info for record in caplog.records}
    assert told["figure 91 cannot be drawn: the store lacks it"] is None
    assert told["figure 92 cannot be drawn"][0] is ZeroDivisionError
