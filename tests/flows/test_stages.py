"""What a finished stage publishes: a figure that cannot be drawn takes nothing else with it."""

import logging

import pytest
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures import FIGURES, FigureEntry
from blindspots.results.results import Results
from flows import stages
from tests.blindspots.tables.conftest import changed, stored
from tests.held import Held


def test_a_figure_that_cannot_be_drawn_is_told_and_the_others_are_published(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lacking(results: Results) -> Figure:
        raise InputError("the store lacks it")

    def broken(results: Results) -> Figure:
        raise ZeroDivisionError("by a mistake of ours")

    published: list[str] = []
    entries = {
        name: FigureEntry(name, "a figure", draw=draw)
        for name, draw in (("91", lacking), ("92", broken), ("93", lambda results: Figure()))
    }
    for entry in entries.values():
        FIGURES.add(entry)
    monkeypatch.setattr(stages, "FIGURES", entries)  # no others
    monkeypatch.setattr(stages, "get_run_logger", lambda: logging.getLogger("a run"))
    monkeypatch.setattr(stages, "create_image_artifact", lambda *, key, **_: published.append(key))
    try:
        stages._publish_figures(Held(stored(1), changed()))
    finally:
        for name in entries:
            FIGURES.remove(name)
    assert published == ["figure-93"]
    told = {record.getMessage(): record.exc_info for record in caplog.records}
    assert told["figure 91 cannot be drawn: the store lacks it"] is None
    assert told["figure 92 cannot be drawn"][0] is ZeroDivisionError
