"""The paper's tables on the page: what may stand beside the paper's, and what a share is printed as."""

import pytest
import xarray as xr

from blindspots.report.findings import Ledger
from blindspots.report.grids import distortion_grids, error_grid, transfer_grid
from blindspots.tables import draw_table
from tests.blindspots.tables.conftest import changed, stored
from tests.held import Held


def table(number: int, *rules: str) -> xr.Dataset:
    return draw_table(number, Held(stored(1), changed(sets={"noise": [0.06, 0.1], "rules": list(rules)})))


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("rules", [("nearest", "random"), ("nearest",)])
def test_only_distortions_of_a_random_target_are_held_against_the_paper_s(number: int, rules: tuple[str, ...]) -> None:
    found = table(number, *rules)
    grid = error_grid(found, Ledger({}))
    beside = {
        head: {bool(row.cells[at].paper) for row in grid.rows[:1]}
        for at, head in enumerate(grid.columns)
        if head.startswith("distortion")
    }
    assert beside == {f"distortion, {rule} target": {rule == "random"} for rule in rules}
    for more in distortion_grids(found):
        random = more.id.endswith("random")
        assert ("against the paper's" in more.columns) == random
        assert more.rows[0].cells[0].ours.endswith("%") == random
        assert {len(row.cells) for row in more.rows} == {len(more.columns)}


def test_one_failure_of_many_is_no_success_of_all() -> None:
    found = table(2, "nearest", "random")
    found["success"][:] = 1 - 1 / 60_000
    (said,) = transfer_grid(found, "random", Ledger({})).notes
    assert said == "The search failed for up to 0.002% of a set's images."
    found["success"][:] = 1
    assert transfer_grid(found, "random", Ledger({})).notes == ()
    of_models = table(1, "nearest", "random")
    of_models["success"][:] = 1 - 1 / 60_000
    for grid in distortion_grids(of_models):
        at = grid.columns.index("search succeeded, %")
        assert {row.cells[at].ours for row in grid.rows} == {"99.998"}


@pytest.mark.parametrize("rule", ["random", "nearest"])
def test_a_set_s_distortion_stands_beside_the_paper_s_under_the_rule_that_decides(rule: str) -> None:
    grid = transfer_grid(table(4, "nearest", "random"), rule, Ledger({}))
    last = {row.name: row.cells[-1].paper for row in grid.rows}
    assert last["FC100-100-10 on P1"] == ("0.062" if rule == "random" else "")
    assert last["FC100-100-10 on P1, amplified to 0.1"] == "0.100"
    assert last["noise 0.1"] == "0.100"  # which has no target
