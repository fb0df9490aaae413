"""Readings side by side on stores written by hand, of which what explains which cells is known."""

import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.tables import draw_table
from blindspots.tables.repetition.readings import compare_readings, readings_sheet
from tests.blindspots.tables.conftest import changed, stored
from tests.blindspots.tables.repetition.conftest import trained
from tests.held import Held


@pytest.fixture(scope="module")
def readings() -> dict[str, Held]:
    return {"as-printed": trained(0.0), "other": trained(0.2, called="other")}


@pytest.fixture(scope="module")
def found(readings: dict[str, Held]) -> xr.Dataset:
    return compare_readings(readings)


def test_each_kind_of_cell_is_counted_apart(readings: dict[str, Held], found: xr.Dataset):
    for reading, results in readings.items():
        table = draw_table("repetition", results).to_dataframe()
        for (number, kind), cells in table.groupby(["table", "kind"]):
            here = found.sel(reading=reading, kind=f"{kind}, table {number}")
            assert (int(here["agreeing"]), int(here["n"])) == (cells["agrees"].sum(), len(cells))
            assert float(here["off"]) == pytest.approx(np.sqrt(((cells["rate"] - cells["paper"]) ** 2).mean()))
        assert int(found["n"].sel(reading=reading).sum()) == len(table)


def test_a_reading_buys_the_cells_that_it_explains_and_no_others(found: xr.Dataset):
    bought = found["agreeing"].sel(reading="as-printed") - found["agreeing"].sel(reading="other")
    for kind, cells in zip(found["kind"].values, bought.values, strict=True):
        assert (cells > 0) == kind.startswith("adversarial")
    assert list(found["changed"].values) == ["what the others are held against", "no field differs"]


def test_cells_that_a_reading_lacks_are_not_counted(readings: dict[str, Held]):
    of_one = Held(readings["other"].tree, changed(seeds=8, sets={"rules": ["random"], "noise": []}))
    found = compare_readings({"all": readings["as-printed"], "fewer": of_one})
    assert not [kind for kind in found["kind"].values if kind.startswith("noise")]
    assert (found["n"].sel(reading="all") == found["n"].sel(reading="fewer")).all()
    assert "sets.noise=[] ([0.06, 0.1])" in str(found["changed"].values[1])


def test_it_reads_as_a_table(found: xr.Dataset):
    sheet = readings_sheet(found)
    assert sheet.columns == ("cells", "as-printed", "other")
    assert [row[0] for row in sheet.rows] == [*found["kind"].values, "all"]
    agreeing, n = (int(found[name].sel(reading="other").sum()) for name in ("agreeing", "n"))
    assert sheet.rows[-1][2].startswith(f"{agreeing} of {n} (")
    assert sheet.notes[-1] == "other: no field differs."


def test_a_store_of_too_few_trainings_is_named(readings: dict[str, Held]):
    with pytest.raises(InputError, match=r"few: table repetition is not .* too few trainings"):
        compare_readings({"many": readings["other"], "few": Held(stored(1), changed())})
