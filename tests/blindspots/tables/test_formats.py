import csv
import io
import json

import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.study import Study
from blindspots.tables import build_table, render
from tests.blindspots.tables.conftest import N, misread


@pytest.fixture(params=[1, 2])
def table(request: pytest.FixtureRequest, tree: xr.DataTree, study: Study) -> xr.Dataset:
    return build_table(request.param, tree, study)


def test_json_and_csv_hold_every_number_unrounded(table: xr.Dataset) -> None:
    content = json.loads(render(table, "json"))
    assert content["attributes"]["table"] == table.attrs["table"]
    rows = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    assert len(rows) == len(content["records"]) == (4 if table.attrs["table"] == 1 else 16)
    dims = [str(dim) for dim in next(v for v in table.data_vars.values() if v.ndim == (table.attrs["table"] + 1)).dims]
    for row, record in zip(rows, content["records"], strict=True):
        cell = table.sel({dim: record[dim] for dim in dims})
        for name, array in cell.data_vars.items():
            expected = array.item()
            if isinstance(expected, str):
                assert row[name] == record[name] == expected
            elif expected != expected:
                assert record[name] is None
                assert row[name] == ""
            else:
                assert record[name] == expected
                assert float(row[name]) == expected


def cells(text: str, form: str) -> list[list[str]]:
    """The rows of a table drawn for reading."""
    if form == "markdown":
        return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if "|" in line]
    if form == "latex":
        rows = [line.strip().removesuffix(r"\\").split("&") for line in text.splitlines() if "&" in line]
        return [[cell.strip() for cell in row] for row in rows]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_a_drawn_table_has_its_cells_in_their_places(tree: xr.DataTree, study: Study, form: str) -> None:
    drawn = cells(render(build_table(2, tree, study), form), form)
    header = next(row for row in drawn if row[0] == "set made for")
    row = next(row for row in drawn if row[0] == "fc100-100-10")
    count = misread("fc100-100-10", "fc10-1e-4", "train", "nearest")
    assert row[header.index("fc10-1e-4")].startswith(f"{100 * (count / N):.1f} [")
    assert row[-1] == f"{4 * 0.021 / 3:.4f}"
    below = drawn[drawn.index(row) + 1]
    assert below[0] == "paper"
    assert below[header.index("fc10-1e-4")] == "28.9 [23.7, 34.7]"


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_what_does_not_overlap_is_marked_and_counted(tree: xr.DataTree, study: Study, form: str) -> None:
    text = render(build_table(2, tree, study), form)
    count = misread("fc100-100-10", "fc10-1e-4", "train", "nearest")
    assert f"{100 * (count / N):.1f} [" in text
    table = build_table(2, tree, study)
    square = table.overlap.sel(rule="nearest", source=table.target.values)
    off = [int(square.values[i, j]) for i, j in ((0, 1), (1, 0))]
    assert f"rule nearest: off-diagonal error rates: {sum(off)} of 2 intervals overlap with the paper's" in text
    marked = [cell for row in cells(text, form) for cell in row if cell.endswith("]!")]
    flags = [int(flag) for rule in ("nearest", "random") for flag in table.overlap.sel(rule=rule).values.reshape(-1)]
    assert len(marked) == flags.count(0) > 0


def test_latex_escapes_what_latex_would_eat(tree: xr.DataTree, study: Study) -> None:
    text = render(build_table(1, tree, study), "latex")
    assert r"training error \%" in text
    for line in text.splitlines():
        if not line.startswith("%"):
            assert "%" not in line.replace(r"\%", "")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1


def test_failures_of_the_search_are_said(tree: xr.DataTree, study: Study) -> None:
    assert "The search failed" not in render(build_table(2, tree, study), "text")
    group = tree["sets/fc10-1e-4/seed-0/train/nearest"].to_dataset()
    group["success"][1] = False
    tree["sets/fc10-1e-4/seed-0/train/nearest"] = xr.DataTree(group)
    for number in (1, 2):
        assert "The search failed for up to 25.00% of a set's images." in render(
            build_table(number, tree, study), "text"
        )


def test_another_format_is_refused(table: xr.Dataset) -> None:
    with pytest.raises(InputError, match="no format is called 'word'; there are text, markdown, csv, latex, json"):
        render(table, "word")
