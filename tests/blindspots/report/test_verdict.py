"""The verdict in words and by kind."""

import pytest
import xarray as xr

from blindspots.report.blocks import Grid, Text
from blindspots.report.verdict import _which, verdict_line, verdict_lines, verdict_section
from blindspots.study.study import Study
from blindspots.tables import draw_table
from blindspots.tables.agreement import agreement
from tests.blindspots.tables.conftest import changed, stored
from tests.held import Held


@pytest.fixture(scope="module")
def tables() -> list[xr.Dataset]:
    results = Held(stored(1), changed())
    return [draw_table(name, results) for name in ("1", "2", "3", "4")]


@pytest.mark.parametrize(
    ("numbers", "said"), [({1}, "Table 1"), ({1, 3}, "Tables 1 and 3"), ({4, 2, 3, 1}, "Tables 1 to 4")]
)
def test_tables_are_named_as_a_reader_would(numbers: set[int], said: str) -> None:
    assert _which(numbers) == said


def test_the_line_counts_what_overlaps_under_the_rule_that_decides(tables: list[xr.Dataset]) -> None:
    found = agreement(tables)
    start = (
        f"{found.overlapping} of {found.total} cells of Tables 1 to 4 overlap with the paper's under the rule random"
    )
    assert verdict_line(tables).startswith(start)
    assert verdict_line([]).startswith("Nothing here can be held against the paper")
    assert verdict_section([], changed()).blocks == (Text(verdict_line([])),)  # and no word on how it is come by


def test_the_verdict_by_repetition_stands_beside_it_where_there_is_one(tables: list[xr.Dataset]) -> None:
    drawn = {str(table.attrs["table"]): table for table in tables}
    assert verdict_lines(drawn) == [verdict_line(tables)]
    about = {"agreeing": 1, "total": 2, "seeds": 8, "expected": 1.9, "p_value": 0.04}
    repeated = xr.Dataset({"kind": ("cell", ["errors", "noise"]), "agrees": ("cell", [0, 1])}, attrs=about)
    first, second = verdict_lines(drawn | {"repetition": repeated, "claims": xr.Dataset()})
    assert first == verdict_line(tables)
    assert second == (
        "By repetition: 1 of 2 cells could be one more training of 8 (errors 0 of 1, noise 1 of 1); were the paper's "
        "networks trainings of ours, 2 would be, and no more than 1 with a probability of 0.04."
    )


def test_every_kind_and_rule_has_its_count(tables: list[xr.Dataset]) -> None:
    study: Study = changed()
    (grid,) = [block for block in verdict_section(tables, study).blocks if isinstance(block, Grid)]
    assert grid.columns == ("rule random (decides)", "rule nearest")
    for column, rule in enumerate(("random", "nearest")):
        found = agreement(tables, rule=rule)
        assert grid.rows[-1].cells[column].ours == f"{found.overlapping} of {found.total}"
        assert [row.cells[column].ours for row in grid.rows[:-1]] == [
            f"{some} of {n}" for some, n in found.by_kind.values()
        ]


def test_a_study_that_trains_on_few_images_says_so(tables: list[xr.Dataset]) -> None:
    section = verdict_section(tables, changed(training={"images": 500}))
    assert isinstance(section.blocks[-1], Text)
    assert "trains on 500 images of a split" in section.blocks[-1].text
