"""The verdict by repetition on stores written by hand, where each training's rates and images are known."""

import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.names import NO_RULE
from blindspots.paper.published import Published
from blindspots.study.study import Study
from blindspots.tables import draw_table
from blindspots.tables.agreement import DECIDES, compared
from blindspots.tables.registry import TABLES
from blindspots.tables.repetition.cells import PaperCell, misread_images, paper_cells, rates_by_seed
from blindspots.tables.repetition.papers import DRAWS, agreeing_papers
from blindspots.tables.repetition.sheet import repetition_sheets, verdict
from tests.blindspots.tables.conftest import N, changed, stored
from tests.blindspots.tables.repetition.conftest import SEEDS, trained
from tests.held import Held


@pytest.fixture(scope="module")
def results() -> Held:
    return trained(0.0)


@pytest.fixture(scope="module")
def table(results: Held) -> xr.Dataset:
    return draw_table("repetition", results)


def test_every_cell_that_is_compared_is_there_once():
    study = changed()
    there = [(cell.table, cell.text, cell.published.printed) for cell in paper_cells(study)]
    drawn = [draw_table(number, Held(stored(1), study)) for number in (1, 2, 3, 4)]
    cells = [cell for table in drawn for cell in compared(table) if cell.rule in (DECIDES, NO_RULE)]
    assert len(set(there)) == len(there)
    assert sorted(there) == sorted((cell.table, cell.text, cell.paper_printed) for cell in cells)


def test_trainings_like_the_paper_s_agree_and_say_how_likely_that_is(table: xr.Dataset):
    about = table.attrs
    assert about["total"] == table.sizes["cell"]
    assert about["agreeing"] == int(table["agrees"].sum()) >= 0.9 * about["total"]
    assert 0.9 * about["total"] < about["expected"] <= about["total"]
    assert about["p_value"] > 0.05
    assert about["papers"] == SEEDS * DRAWS
    drawn = table["kind"].values.astype(object) != "errors"
    assert table["calibration"].values[drawn].mean() == pytest.approx(0.96, abs=0.03)


def test_images_are_drawn_but_where_all_of_a_split_are_counted(table: xr.Dataset):
    names = [str(name) for name in table["cell"].values]
    whole = {name for name, drawn in zip(names, table["drawn"].values, strict=True) if not drawn}
    errors = {name for name in names if "/errors/" in name and name.endswith(("/train", "/test"))}
    noise = {name for name in names if name.startswith("table4/noise/")}
    assert len(errors) == 7
    assert len(noise) == 6
    assert whole == errors | noise


def test_rates_are_those_of_each_training(results: Held, table: xr.Dataset):
    cells = list(paper_cells(results.study))
    rates = rates_by_seed(results, cells)
    place = next(at for at, cell in enumerate(cells) if cell.kind == "amplified")
    for seed in range(SEEDS):
        wrong = misread_images(results, [cells[place]], seed)
        assert wrong.shape == (N["random"], 1)
        assert wrong.mean() == rates[seed, place]
    row = table.sel(cell=cells[place].name)
    assert float(row["rate"]) == pytest.approx(rates[:, place].mean())
    assert float(row["spread"]) == pytest.approx(rates[:, place].std(ddof=1))


def test_trainings_unlike_the_paper_s_do_not_agree():
    table = draw_table("repetition", trained(0.2))
    adversarial = table["kind"].values.astype(object) == "adversarial"
    assert not table["agrees"].values[adversarial].any()
    assert table["chance"].values[adversarial].max() < 0.05
    assert table.attrs["p_value"] == 1 / (1 + SEEDS * DRAWS)


def test_papers_draw_the_same_images_for_all_models_that_a_set_is_shown_to():
    published = Published.of("50.0", 256)
    cells = [
        PaperCell(2, "adversarial", "a", target, "train", "random", "plain", target, published) for target in ("b", "c")
    ]
    random = np.random.default_rng(0)
    wrong = random.random((8, 5000)) < 0.5
    rates = np.stack([wrong.mean(axis=1)] * 2, axis=1)
    found = agreeing_papers(cells, rates, lambda some, seed: np.stack([wrong[seed]] * len(some), axis=1), seed=0)
    assert found.shape == (8 * DRAWS, 2)
    assert (found[:, 0] == found[:, 1]).all()
    assert 0.92 < found.mean() < 0.99


def test_it_reads_as_a_table_with_a_verdict(table: xr.Dataset):
    sheets = repetition_sheets(table)
    assert len(sheets) == 4
    assert sum(len(sheet.rows) for sheet in sheets) == table.attrs["total"]
    marked = sum(row[2].endswith("!") for sheet in sheets for row in sheet.rows)
    assert marked == table.attrs["total"] - table.attrs["agreeing"]
    assert sheets[-1].notes[-1] == verdict(table)
    assert f"By repetition: {table.attrs['agreeing']} of {table.attrs['total']} cells" in verdict(table)


@pytest.mark.parametrize(
    ("study", "lacking"),
    [
        (changed(), "too few trainings a network for their spread: set seeds=8"),
        (changed(seeds=3), "too few trainings a network"),
        (changed(seeds=8, sets={"rules": ["nearest"], "noise": [0.1]}), "no sets of random targets"),
        (changed(seeds=8, dataset="fashion-mnist"), "no model of the paper's Tables 1 to 4"),
    ],
    ids=["one", "three", "no-random", "other-data"],
)
def test_a_study_that_cannot_tell_says_why(study: Study, lacking: str):
    with pytest.raises(InputError, match=lacking):
        draw_table("repetition", Held(stored(1), study))
    assert "repetition" not in [name for name, entry in TABLES.items() if not entry.lacks(study)]
