import pytest

from blindspots.errors import InputError
from blindspots.tables import draw_table
from blindspots.tables.claims.table import claims_sheets
from tests.blindspots.tables.conftest import changed, stored
from tests.held import Held


def test_a_row_a_claim_with_its_verdict():
    table = draw_table("claims", Held(stored(1), changed()))
    (sheet,) = claims_sheets(table)
    assert len(sheet.rows) == table.sizes["claim"] >= 5
    holds = [row[-1] for row in sheet.rows]
    assert holds.count("yes") == int(table["holds"].sum())
    assert f"{holds.count('yes')} of {len(holds)} hold." in sheet.notes[0]
    assert [row[2].split(" ")[0] for row in sheet.rows] == [f"{100 * float(value):.1f}" for value in table["value"]]


def test_nearly_all_is_told_from_all():
    table = draw_table("claims", Held(stored(1), changed()))
    for value, said in ((1 - 1 / 80_000, "99.9988 "), (1.0, "100.0 "), (1e-4, "0.0100 "), (0.0, "0.0 ")):
        table["value"][0] = value
        assert claims_sheets(table)[0].rows[0][2].startswith(said)


@pytest.mark.parametrize("seeds", [1, 3])
def test_it_says_of_which_sets_it_is_where_none_is_random(seeds: int):
    for rules, rule in ((["nearest"], "nearest"), (["nearest", "random"], "random")):
        study = changed(seeds=seeds, sets={"noise": [0.06, 0.1], "rules": rules})
        table = draw_table("claims", Held(stored(seeds), study))
        assert table.attrs["rule"] == rule
        (note,) = claims_sheets(table)[0].notes
        assert note.startswith(f"Sets of the rule {rule}" + ("; means over 3 seeds. " if seeds > 1 else ". "))
    del table.attrs["rule"]  # as one was drawn before
    assert "rule" not in claims_sheets(table)[0].notes[0]


def test_a_study_of_other_networks_has_no_claims():
    other = changed(models=[{"name": "own", "hidden": [7], "decay": [1e-4, 1e-4]}])
    with pytest.raises(InputError, match="no two of the paper's networks"):
        draw_table("claims", Held(stored(1), other))
