"""The sections of tables: explained, left out, with their figures."""

from pathlib import Path

import pytest
import xarray as xr

from blindspots.report.blocks import Findings, Grid, Missing, Picture, Section, Text
from blindspots.report.findings import Ledger
from blindspots.report.table_sections import read, table_section
from blindspots.results.results import Results
from blindspots.tables import TABLES
from tests.blindspots.tables.conftest import changed
from tests.held import Held

pytestmark = pytest.mark.xdist_group("report")


def section(name: str, results: Results, ledger: Ledger) -> Section:
    return table_section(TABLES[name], read(name, results), results, ledger)


def test_explanations_are_found_by_pattern_and_others_are_left_open(kinds_root: Path) -> None:
    known = {
        "table1/errors/none/fc10-1e-4/test": "Three hundred images are few.",
        "table1/errors/*": "It was hardly trained.",
    }
    ledger = Ledger(known)
    with Results(kinds_root) as results:
        first, _ = (section(name, results, ledger) for name in ("1", "3"))
    said = {finding.key: finding.explanation for finding in ledger.found}
    assert said.pop("table1/errors/none/fc10-1e-4/test") == "Three hundred images are few."
    assert said.pop("table1/errors/none/fc100-100-10/test") == "It was hardly trained."
    assert {text for key, text in said.items() if key.startswith("table3/")} == {""}
    (listed,) = [block for block in first.blocks if isinstance(block, Findings)]
    assert [item.number for item in listed.items] == list(range(1, len(listed.items) + 1))


def test_an_explanation_that_all_share_is_said_once(kinds_root: Path) -> None:
    with Results(kinds_root) as results:
        found = section("1", results, Ledger({"*": "Hardly trained."}))
    (listed,) = [block for block in found.blocks if isinstance(block, Findings)]
    assert listed.common == "Hardly trained."
    assert {item.explanation for item in listed.items} == {""}


def test_what_a_study_has_nothing_for_is_left_out() -> None:
    study = changed()
    results = Held(xr.DataTree(), study.model_copy(update={"models": study.models[:3]}))
    (block,) = section("3", results, Ledger({})).blocks
    assert isinstance(block, Missing)
    assert block.unasked
    assert block.text.startswith("The study has no model trained on a half")
    (block,) = section("1", results, Ledger({})).blocks
    assert isinstance(block, Missing)
    assert not block.unasked
    assert block.text.startswith("Left out: the store lacks transfer; finish it with: blindspots run")


def test_notes_that_sheets_share_stand_below_the_last_and_figures_after_them(tiny_root: Path) -> None:
    with Results(tiny_root) as results:
        found = section("negatives", results, Ledger({}))
    kinds = [type(block) for block in found.blocks]
    notes = kinds.count(Text) - 1
    assert kinds == [Text, Grid, Grid, *[Text] * notes, Picture]
    assert notes == 3
    assert found.blocks[0] == Text(TABLES["negatives"].opening)
