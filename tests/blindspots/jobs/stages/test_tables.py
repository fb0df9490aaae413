"""The golden numbers of the paper's tables, drawn from a store that is written by hand."""

from pathlib import Path

import pytest

from blindspots.jobs.run import run_study
from blindspots.jobs.stages import tables as module
from blindspots.jobs.workspace import Workspace
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.study import Study
from blindspots.tables import draw_table
from tests.blindspots.tables.conftest import changed, stored
from tests.held import Held

GOLDEN = {
    1: {
        "training_error": 1.5246666666666666,
        "training_error_high": 1.5680253183068507,
        "distortion": 0.288,
        "success_low": 2.2532077785751516,
        "distortion_difference": -0.8394512421208749,
        "to_exact": 2.5,
    },
    2: {
        "rate": 21.095333333333336,
        "low": 20.437005700389843,
        "as_target_rate": 8.906166666666667,
        "clean": 23.048499999999997,
        "paper": 4.718,
        "paper_high": 5.016571178147453,
        "overlap": -28,
    },
    3: {
        "p1_error": 1.5256666666666665,
        "p2_error_low": 1.9793369581888736,
        "test_error_misread": 3918,
        "distortion_high": 0.4684531691848483,
        "success": 4.8,
        "distortion_difference": -0.7235434223839415,
    },
    4: {
        "rate": 47.885666666666665,
        "high": 49.57570649466444,
        "as_target": 63126,
        "distortion_all": 8.7000645,
        "clean_low": 41.57615593678054,
        "paper_low": 18.937162732317166,
        "paper_n": 129216,
    },
}
"""Sums over all cells of a table's columns."""


@pytest.mark.parametrize("number", GOLDEN)
def test_golden_numbers(number: int) -> None:
    """Where one of these moves, ALGORITHM is to be raised, and these numbers with it."""
    table = draw_table(number, Held(stored(1), changed()))
    assert module.ALGORITHM == 8
    assert {name: float(table[name].sum()) for name in GOLDEN[number]} == pytest.approx(GOLDEN[number], rel=1e-9)


def test_tables_that_read_the_same_open_it_once(tiny: Study, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = ("tables/table1", "tables/table2", "tables/negatives")
    for key in drawn:
        (root / layout.receipt(key, 0)).unlink()
    opened = list[Results]()
    results = Workspace.results

    def counted(workspace: Workspace) -> Results:
        opened.append(results(workspace))
        return opened[-1]

    monkeypatch.setattr(Workspace, "results", counted)
    module._results.cache_clear()
    assert set(run_study(tiny, root).shards) == set(drawn)
    assert len(opened) == 1
