"""The page's small parts: numbers, explanations, slips, provenance."""

import json
from fnmatch import fnmatchcase
from math import nan
from pathlib import Path

import pytest

from blindspots.paper import published as paper
from blindspots.paper.explanations import EXPLANATIONS, explanation, explanations_for
from blindspots.paper.slips import SLIPS
from blindspots.report.findings import DIAGONAL, Ledger
from blindspots.report.numbers import count, interval, number, rate, signed
from blindspots.report.provenance import provenance
from blindspots.store.layout import Layout
from blindspots.study.built_in import BUILT_IN
from blindspots.study.study import Study
from blindspots.tables import TABLES
from blindspots.tables.agreement import KINDS, Compared


def test_numbers_as_they_are_printed() -> None:
    assert rate(0.12345, 1) == "12.3"
    assert rate(nan, 1) == number(nan, 2) == interval(nan, nan, 1) == signed(nan, 1) == ""
    assert interval(0.1, 0.25, 2) == "[10.00, 25.00]"
    assert signed(-1.25, 1) == "−1.2"
    assert signed(3.0, 1) == "+3.0"
    assert count(1234567) == "1\u202f234\u202f567"
    assert count(999) == "999"


def test_the_first_pattern_that_fits_explains() -> None:
    known = {"table2/*/random/fc10-1/*": "first", "table2/*": "second"}
    assert explanation("table2/adversarial/random/fc10-1/fc10-1e-2", known) == "first"
    assert explanation("table2/noise/none/noise-0.3/fc10-1e-2", known) == "second"
    assert explanation("table1/errors/none/fc10-1/test", known) == ""
    assert "half as large" in explanation("table4/amplified/nearest/a/b", EXPLANATIONS)
    assert explanation("table4/amplified/random/a/b", {k: v for k, v in EXPLANATIONS.items() if "nearest" in k}) == ""


def test_explanations_are_of_the_full_scale_and_a_small_study_says_that_it_is_small(tiny: Study) -> None:
    assert explanations_for(BUILT_IN["mnist"][0]) is EXPLANATIONS
    small = explanations_for(tiny)
    assert "trained on 500 images in at most 60 iterations" in explanation("table1/errors/none/fc10-1/test", small)
    assert "half as large" in explanation("table2/adversarial/nearest/fc10-1/fc10-1e-2", small)
    assert explanations_for(tiny.model_copy(update={"dataset": "fashion-mnist"})) == {}


def test_every_pattern_is_of_a_cell_that_the_paper_has_and_can_be_reached() -> None:
    known = {*paper.MODELS, "train", "p1", "p2", "test", "noise-0.06", "noise-0.1", "noise-0.3"}
    patterns = list(EXPLANATIONS)
    for index, pattern in enumerate(patterns):
        table, kind, rule, row, column = pattern.split("/")
        assert table in {"table*", *(f"table{number}" for number in TABLES)}, pattern
        assert kind in {"*", *KINDS}, pattern
        assert rule in {"nearest", "random", "none"}, pattern
        assert {row, column} <= {"*", *known}, pattern
        assert not any(fnmatchcase(pattern, other) for other in patterns[:index]), f"{pattern} is never reached"


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


def test_the_readings_that_can_be_chosen_are_those_of_the_study(tiny: Study) -> None:
    said = " ".join(slip.in_force(tiny) for slip in SLIPS)
    for part in (
        "training.decay_form = half-squares",
        "sets.rules = nearest, random",
        "nearest by auto, random by auto",
        "sets.noise = 0.1, 1",
        "training.iterations = 60",
        "trained on 500 images of a split",
    ):
        assert part in said
    assert len({slip.title for slip in SLIPS}) == len(SLIPS)
    assert all(slip.paper.endswith(".") and slip.here.endswith(".") for slip in SLIPS)


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
