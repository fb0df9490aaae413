"""Disagreements: numbered once, explained, and set apart where they do not count."""

import pytest

from blindspots.report.findings import DIAGONAL, Ledger
from blindspots.tables.agreement import Compared


def compared(**fields: object) -> Compared:
    """Noise on which ours is far above the paper's."""
    numbers = {"rate": 0.5, "low": 0.4, "high": 0.6, "n": 2000, "paper": 0.1, "paper_low": 0.05, "paper_high": 0.15}
    names = {"kind": "noise", "rule": "none", "row": "noise-0.1", "column": "fc10-1", "text": "noise shown to FC10(1)"}
    return Compared(**{"table": 2, "paper_printed": "10", "paper_n": 256, **numbers, **names, **fields})  # type: ignore[arg-type]


def test_a_disagreement_is_listed_once_however_often_it_is_shown() -> None:
    ledger = Ledger({"table2/noise/*": "Known."})
    cells = [ledger.cell(compared(), n="") for _ in range(2)]
    other = ledger.cell(compared(column="fc10-1e-2", rate=0.01, low=0.0, high=0.02), n="n = 2000")
    assert [(cell.sign, cell.finding) for cell in (*cells, other)] == [("higher", 1), ("higher", 1), ("lower", 2)]
    assert [finding.number for finding in ledger.found] == [1, 2]
    assert ledger.found[0].explanation == "Known."
    assert ledger.found[0].difference == "+40.0"


def test_a_cell_that_agrees_is_neither_marked_nor_listed() -> None:
    ledger = Ledger({})
    cell = ledger.cell(compared(paper=0.45, paper_low=0.4, paper_high=0.5), n="")
    assert (cell.sign, cell.finding, ledger.found) == ("", 0, [])


@pytest.mark.parametrize(
    ("fields", "said"),
    [({}, ""), ({"n": 300}, "300 images are too few"), ({"kind": DIAGONAL[True]}, "made for this model")],
)
def test_what_does_not_count_is_said(fields: dict[str, object], said: str) -> None:
    ledger = Ledger({})
    ledger.cell(compared(**fields), n="")
    assert said in ledger.found[0].aside
    assert bool(ledger.found[0].aside) == bool(said)
