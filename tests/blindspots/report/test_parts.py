"""The page's small parts: numbers, findings, provenance."""

import json
from math import nan
from pathlib import Path

import pytest

from blindspots.report.findings import DIAGONAL, Ledger
from blindspots.report.numbers import count, interval, number, rate, signed
from blindspots.report.provenance import provenance
from blindspots.store.layout import Layout
from blindspots.tables.agreement import Compared


def test_numbers_as_they_are_printed() -> None:
    assert rate(0.12345, 1) == "12.3"
    assert rate(nan, 1) == number(nan, 2) == interval(nan, nan, 1) == signed(nan, 1) == ""
    assert interval(0.1, 0.25, 2) == "[10.00, 25.00]"
    assert signed(-1.25, 1) == "−1.2"
    assert signed(3.0, 1) == "+3.0"
    assert count(1234567) == "1\u202f234\u202f567"
    assert count(999) == "999"


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


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    for index, (finished, torch) in enumerate(
        [("2024-05-06T07:08:09+00:00", "2.9"), ("2024-05-05T23:00:00+00:00", "2.8")]
    ):
        path = tmp_path / "receipts" / "sets" / f"{index}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        receipt = {"identity": "i", "content": "c", "seconds": 1.5, "versions": {"torch": torch}, "finished": finished}
        path.write_text(json.dumps(receipt))
    (tmp_path / "receipts" / "sets" / "9.json").write_text("damaged")
    return Layout.at(tmp_path)


def test_receipts_together_say_when_and_by_what(layout: Layout) -> None:
    found = provenance(layout)
    assert (found.shards, found.seconds) == (2, 3.0)
    assert (found.first, found.last) == ("2024-05-05 23:00 UTC", "2024-05-06 07:08 UTC")
    assert found.versions == {"torch": ("2.8", "2.9")}
    assert found.devices == ("cpu",)


def test_a_store_without_receipts_says_nothing(tmp_path: Path) -> None:
    found = provenance(Layout.at(tmp_path))
    assert (found.shards, found.first, found.versions) == (0, "", {})
