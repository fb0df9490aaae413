import math

import pytest
import xarray as xr

from blindspots.intervals import wilson
from blindspots.study.study import Study
from blindspots.tables import draw_table
from blindspots.tables.agreement import KINDS, Agreement, Compared, agreement, compared
from blindspots.tables.verdict import agreements, counted, disagreement, verdicts
from tests.blindspots.tables.conftest import ON_HALVES, changed, put
from tests.held import Held

ONE, TWO, THREE = ON_HALVES


@pytest.fixture
def tables(tree: xr.DataTree, study: Study) -> dict[int, xr.Dataset]:
    """Every cell that counts is as the paper prints it, to a rounding, but for four."""
    alike = {
        ("clean", "fc10-1e-4", "train"): 6.7,
        ("clean", "fc10-1e-4", "test"): 7.4,
        ("clean", "fc100-100-10", "train"): 0,
        ("clean", "fc100-100-10", "test"): 4,  # in the paper 1.64
        ("fc10-1e-4", "fc100-100-10", "train"): 2,
        ("fc100-100-10", "fc10-1e-4", "train"): 20,  # in the paper 28.9
        ("noise-0.1", "fc10-1e-4", "train"): 5,
        ("noise-0.1", "fc100-100-10", "train"): 0,
        **{("clean", name, split): percent for name, row in _table3().items() for split, percent in row.items()},
        **{(source, target, "test"): percent for source, row in _table4().items() for target, percent in row.items()},
    }
    for (source, target, split), percent in alike.items():
        for rule, n in (("none", 3000), ("random", 1500)):
            put(
                tree,
                {"misread": round(percent / 100 * n)},
                source=source,
                target=target,
                split=split,
                rule=rule,
                variant="plain",
            )
    for source, row in _amplified().items():
        for target, percent in row.items():
            place = {"source": source, "target": target, "split": "test", "rule": "random", "variant": "amplified"}
            put(tree, {"misread": round(percent / 100 * 1500)}, **place)
    return {number: draw_table(number, Held(tree, study)) for number in (1, 2, 3, 4)}


def _table3() -> dict[str, dict[str, float]]:
    return {
        ONE: {"p1": 0, "p2": 2.4, "test": 2},
        TWO: {"p1": 0, "p2": 2.5, "test": 2.1},
        THREE: {"p1": 2.3, "p2": 0, "test": 2.1},
    }


def _table4() -> dict[str, dict[str, float]]:
    return {
        ONE: {TWO: 26.2, THREE: 5.9},
        TWO: {ONE: 6.25, THREE: 5.1},
        THREE: {ONE: 8.2, TWO: 8.2},
        "noise-0.06": {ONE: 2.2, TWO: 2.6, THREE: 5.5},  # the last in the paper 2.4
        "noise-0.1": {ONE: 2.6, TWO: 2.8, THREE: 2.7},
    }


def _amplified() -> dict[str, dict[str, float]]:
    return {
        ONE: {TWO: 98, THREE: 43},
        TWO: {ONE: 96, THREE: 22},
        THREE: {ONE: 27, TWO: 70},  # the last in the paper 50
    }


def test_cells_are_counted_by_hand(tables: dict[int, xr.Dataset]) -> None:
    """Errors 4 + 9; in Table 2 two off the diagonal and two of noise; in Table 4 six, six amplified, six of noise."""
    found = agreement(tables.values())
    assert (found.total, found.overlapping) == (4 + 9 + 2 + 2 + 6 + 6 + 6, 31)
    assert found.by_kind == {"errors": (12, 13), "adversarial": (7, 8), "amplified": (5, 6), "noise": (7, 8)}
    assert [(cell.table, cell.row, cell.column) for cell in found.disagreeing] == [
        (1, "fc100-100-10", "test"),
        (2, "fc100-100-10", "fc10-1e-4"),
        (4, THREE, TWO),
        (4, "noise-0.06", THREE),
    ]
    assert [cell.kind for cell in found.disagreeing] == ["errors", "adversarial", "amplified", "noise"]
    assert not found.too_small


def test_each_table_has_its_own_count(tables: dict[int, xr.Dataset]) -> None:
    found = {number: agreement([table]) for number, table in tables.items()}
    assert {number: (each.overlapping, each.total) for number, each in found.items()} == {
        1: (3, 4),
        2: (3, 4),
        3: (9, 9),
        4: (16, 18),
    }
    assert sum(each.total for each in found.values()) == agreement(tables.values()).total


def test_the_diagonal_and_what_is_clipped_do_not_count(tables: dict[int, xr.Dataset]) -> None:
    for table in tables.values():
        for cell in compared(table):
            assert cell.row != cell.column
            assert "clipped" not in cell.row
            assert cell.kind in KINDS
            assert cell.rule == ("none" if cell.kind in ("errors", "noise") else cell.rule)
    rules = [cell.rule for cell in compared(tables[4])]
    assert {rule: rules.count(rule) for rule in set(rules)} == {"none": 6, "nearest": 12, "random": 12}


def test_a_rule_is_read_alone(tables: dict[int, xr.Dataset]) -> None:
    nearest = agreement(tables.values(), rule="nearest")
    assert nearest.total == 35
    assert {cell.rule for cell in nearest.cells} == {"nearest", "none"}
    ours = {(cell.row, cell.column): cell.rate for cell in nearest.cells if cell.table == 2 and cell.kind != "noise"}
    table = tables[2].rate.sel(rule="nearest")
    assert ours == {
        (row, column): float(table.sel(source=row, target=column))
        for row, column in (("fc10-1e-4", "fc100-100-10"), ("fc100-100-10", "fc10-1e-4"))
    }


def test_a_disagreement_says_how_far_apart_it_is(tables: dict[int, xr.Dataset]) -> None:
    """300 of 1500 against 28.9% of 256: p = 373.984 / 1756, 0.089 / sqrt(p (1 - p) (1/1500 + 1/256)) = 3.2147."""
    cell = agreement([tables[2]]).disagreeing[0]
    assert (cell.rate, cell.n, cell.paper, cell.paper_n) == (0.2, 1500, 0.289, 256)
    assert cell.difference == pytest.approx(-0.089)
    assert cell.standard_errors == pytest.approx(-3.2147, abs=1e-3)
    assert (cell.low, cell.high) == wilson(300, 1500)
    assert disagreement(cell) == (
        "FC100-100-10 shown to FC10(1e-4): 20.0 [18.1, 22.1], paper 28.9 [23.6, 34.8]: "
        "-8.9 points, -3.2 standard errors"
    )
    record = cell.record()
    assert (record["overlaps"], record["difference"], record["table"]) == (False, cell.difference, 2)


def test_verdicts_end_a_table(tables: dict[int, xr.Dataset]) -> None:
    assert verdicts(tables[1]) == [
        "Agreement with the paper: 3 of 4 cells overlap (errors 3 of 4).",
        "  FC100-100-10, test images: 4.00 [3.36, 4.76], paper 1.64 [1.40, 1.91]: +2.36 points, +7.8 standard errors",
    ]
    lines = verdicts(tables[4])
    assert lines[0] == (
        "Agreement with the paper, rule random (it decides): 16 of 18 cells overlap "
        "(adversarial 6 of 6, amplified 5 of 6, noise 5 of 6)."
    )
    assert lines[1].startswith(
        "  FC100-100-10' on P2 amplified shown to FC123-456-10 on P1: 70.0 [67.6, 72.3], paper 50"
    )
    assert lines[2].startswith("  noise 0.06 shown to FC100-100-10' on P2: 5.5 [")
    assert lines[3].startswith("Agreement with the paper, rule nearest: ")
    assert len(lines) == 4
    assert [each.rule for each in agreements(tables[4])] == ["random", "nearest"]


def test_too_few_images_are_no_verdict(tree: xr.DataTree, study: Study) -> None:
    put(tree, {"n": 999, "misread": 500}, rule="random")
    put(tree, {"n": 1000, "misread": 500}, rule="none")
    table = draw_table(2, Held(tree, study))
    found = agreement([table])
    assert (found.total, len(found.too_small)) == (2, 2)
    assert counted(found) == (
        "0 of 2 cells overlap (noise 0 of 2); 2 cells of fewer than 1000 images are too small to count"
    )
    put(tree, {"n": 999}, rule="none")
    line = verdicts(draw_table(2, Held(tree, study)))[0]
    assert line.endswith("(it decides): 4 cells of fewer than 1000 images are too small to count.")
    assert "overlap" not in line


def test_a_study_without_the_rule_that_decides_says_so(tree: xr.DataTree) -> None:
    lines = verdicts(draw_table(2, Held(tree, changed(sets={"rules": ["nearest"], "noise": [0.1]}))))
    assert lines[0] == "The study has no sets of the rule random, which decides; the rule nearest comes next."
    assert "rule nearest: " in lines[1]
    assert not any("it decides" in line for line in lines)


def test_other_images_are_no_verdict(tree: xr.DataTree) -> None:
    lines = verdicts(draw_table(2, Held(tree, changed(sets={"noise": [0.1], "splits": ["test"]}))))
    assert lines == [
        "Agreement with the paper, rule random (it decides): no cell is in the paper.",
        "Agreement with the paper, rule nearest: no cell is in the paper.",
        "The paper's sets are of train images and these of test images: they are not compared.",
    ]


def test_a_cell_at_the_papers_value_is_no_difference() -> None:
    numbers = {"low": 0.0, "high": 0.1, "paper": 0.0, "paper_low": 0.0, "paper_high": 0.02, "paper_n": 256}
    cell = Compared(2, "noise", "none", "a", "b", "c", rate=0.0, n=1000, paper_printed="0", **numbers)
    assert cell.overlaps
    assert cell.counts
    assert math.isnan(cell.standard_errors)
    assert Agreement("random", (cell,), ()).record()["overlapping"] == 1
