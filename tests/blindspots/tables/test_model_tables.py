import math

import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.paper import published as paper
from blindspots.study.study import Study
from blindspots.tables import draw_table
from blindspots.tables.sheets.model import model_sheets
from tests.blindspots.tables.conftest import ON_ALL, ON_HALVES, N, changed, misread, put, size, stored
from tests.held import Held

ERRORS = {
    1: {"training_error": "train", "test_error": "test"},
    3: {"p1_error": "p1", "p2_error": "p2", "test_error": "test"},
}
SPLIT = {1: "train", 3: "test"}
MODELS = {1: ON_ALL, 3: ON_HALVES}


@pytest.mark.parametrize("number", [1, 3])
def test_errors_are_the_clean_ones_of_each_split(tree: xr.DataTree, study: Study, number: int) -> None:
    table = draw_table(number, Held(tree, study))
    assert tuple(table.model.values) == MODELS[number]
    for model in MODELS[number]:
        row = table.sel(model=model)
        for name, split in ERRORS[number].items():
            count = misread("clean", model, split, "none")
            assert float(row[f"{name}_misread"]) == count
            assert int(row[f"{name}_n"]) == N["none"]
            assert float(row[name]) == count / N["none"]
            assert (float(row[f"{name}_low"]), float(row[f"{name}_high"])) == wilson(count, N["none"])
            assert math.isnan(row[f"{name}_spread"])


@pytest.mark.parametrize("number", [1, 3])
def test_distortions_are_those_of_the_right_split_over_images_read_correctly(
    tree: xr.DataTree, study: Study, number: int
) -> None:
    """Of five images the first was misread from the start and the last found nothing: 1, 1 and 2 sizes are left."""
    table = draw_table(number, Held(tree, study))
    for model in MODELS[number]:
        for rule in ("nearest", "random"):
            cell = table.sel(model=model, rule=rule)
            unit = size(model, rule, SPLIT[number])
            assert float(cell.distortion) == pytest.approx(4 * unit / 3)
            assert float(cell.distortion_all) == pytest.approx(unit * (4 + 0.5 * (rule == "random")) / 4)
            assert (int(cell.distortion_n), int(cell.success_n)) == (3, 5)
            half = 1.96 * np.std([unit, unit, 2 * unit], ddof=1) / math.sqrt(3)
            assert float(cell.distortion_high - cell.distortion) == pytest.approx(half, rel=1e-3)
            assert float(cell.distortion - cell.distortion_low) == pytest.approx(half, rel=1e-3)
            assert float(cell.lower_bound) == pytest.approx(0.08 / 4)  # of all read correctly, found or not
            assert float(cell.success) == 0.8
            assert (float(cell.success_low), float(cell.success_high)) == pytest.approx(wilson(4, 5))
            assert float(cell.survives_eight_bits) == pytest.approx(1 if rule == "random" else 1 / 3)
            assert math.isnan(cell.distortion_spread)
            exact = (1.25 + 1 + 1.5) / 3 if model == "fc10-1e-4" else math.nan
            assert float(cell.to_exact) == pytest.approx(exact, nan_ok=True)


def test_a_distortion_is_a_root_mean_square(tree: xr.DataTree, study: Study) -> None:
    found = tree["sets/fc10-1e-4/seed-0/train/random"].to_dataset()
    used = found.perturbation.values[1:4].reshape(3, -1)
    cell = draw_table(1, Held(tree, study)).distortion.sel(model="fc10-1e-4", rule="random")
    assert float(cell) == pytest.approx(np.sqrt((used**2).mean(1)).mean())
    assert float(cell) != pytest.approx(np.linalg.norm(used, axis=1).mean(), rel=0.5)


def test_the_papers_values_stand_beside(tree: xr.DataTree, study: Study) -> None:
    row = draw_table(1, Held(tree, study)).sel(model="fc10-1e-4")
    assert (float(row.training_error_paper), float(row.test_error_paper)) == (0.067, 0.074)
    assert (str(row.training_error_paper_printed.item()), int(row.training_error_paper_n)) == ("6.7", 60_000)
    assert float(row.distortion_paper) == 0.062
    assert float(row.distortion_difference.sel(rule="random")) == pytest.approx(4 * 0.05 / 3 / 0.062 - 1)
    ends = (float(row.test_error_paper_low), float(row.test_error_paper_high))
    assert ends == (wilson(735, 10_000)[0], wilson(745, 10_000)[1])
    row = draw_table(3, Held(tree, study)).sel(model="fc123-456-10-p1")
    assert [float(row[f"{name}_paper"]) for name in ERRORS[3]] == [0, 0.025, 0.021]
    assert [int(row[f"{name}_paper_n"]) for name in ERRORS[3]] == [30_000, 30_000, 10_000]
    assert float(row.distortion_paper) == 0.059


@pytest.mark.parametrize(("count", "expected"), [(250, 1), (300, 0), (170, 0)])
def test_overlap_is_of_both_intervals(tree: xr.DataTree, study: Study, count: int, expected: int) -> None:
    """Ours out of 3000: 250 misread are 8.3% [7.4, 9.4], which the paper's 7.4% [6.9, 8.0] meets; 300 are 10%."""
    put(tree, {"misread": count}, source="clean", target="fc10-1e-4", split="test", rule="none")
    assert int(draw_table(1, Held(tree, study)).sel(model="fc10-1e-4").test_error_overlap) == expected


@pytest.mark.parametrize("number", [1, 3])
def test_seeds_are_averaged_and_are_not_more_images(number: int) -> None:
    """Three of the store's four seeds are the study's."""
    table = draw_table(number, Held(stored(4), changed(seeds=3)))
    for model in MODELS[number]:
        row = table.sel(model=model)
        for name, split in ERRORS[number].items():
            rates = [misread("clean", model, split, "none", seed) / N["none"] for seed in range(3)]
            assert float(row[name]) == pytest.approx(np.mean(rates))
            assert float(row[f"{name}_spread"]) == pytest.approx(np.std(rates, ddof=1))
            assert int(row[f"{name}_n"]) == N["none"]
            ends = wilson(np.mean(rates) * N["none"], N["none"])
            assert (float(row[f"{name}_low"]), float(row[f"{name}_high"])) == pytest.approx(ends)
        sizes = [size(model, "nearest", SPLIT[number], seed) for seed in range(3)]
        cell = row.sel(rule="nearest")
        assert float(cell.distortion) == pytest.approx(4 / 3 * np.mean(sizes))
        assert float(cell.distortion_spread) == pytest.approx(4 / 3 * np.std(sizes, ddof=1))
        assert (int(cell.distortion_n), int(cell.success_n)) == (3, 5)
        half = 1.96 * math.sqrt(np.mean(np.square(sizes)) / 3) / math.sqrt(3)  # the variance of 1, 1, 2 is 1/3
        assert float(cell.distortion_high - cell.distortion) == pytest.approx(half, rel=1e-3)


def test_another_model_or_data_set_has_no_published_values(tree: xr.DataTree, study: Study) -> None:
    row = draw_table(1, Held(tree, study)).sel(model="fc100-100-10-1")
    assert np.isnan(row.training_error_paper)
    assert np.isnan(row.distortion_paper)
    assert int(row.test_error_overlap) == -1
    for number in (1, 3):
        table = draw_table(number, Held(tree, study.model_copy(update={"dataset": "fashion-mnist"})))
        assert np.isnan(table.test_error_paper).all()
        assert np.isnan(table.distortion_paper).all()
        assert (table.test_error_overlap == -1).all()


def test_distortions_of_other_images_are_not_held_against_the_papers(tree: xr.DataTree) -> None:
    """The paper distorts the training images for Table 1; its errors are of any study."""
    row = draw_table(1, Held(tree, changed(sets={"noise": [0.1], "splits": ["test"]}))).sel(model="fc10-1e-4")
    assert float(row.distortion.sel(rule="nearest")) == pytest.approx(4 / 3 * size("fc10-1e-4", "nearest", "test"))
    assert np.isnan(row.distortion_paper)
    assert float(row.test_error_paper) == 0.074


def test_a_store_that_is_not_finished_says_what_it_lacks(tree: xr.DataTree, study: Study) -> None:
    with pytest.raises(InputError, match=r"the store lacks transfer/clean/fc10-1e-4/seed-1 .*blindspots run"):
        draw_table(1, Held(tree, changed(seeds=2)))
    with pytest.raises(InputError, match="the store lacks transfer; finish it with"):
        draw_table(1, Held(xr.DataTree(), study))
    put(tree, {"n": 0}, source="clean", target="fc100-100-10-p2", split="p1")
    with pytest.raises(InputError, match=r"lacks transfer/clean/fc100-100-10-p2/seed-0 \(split p1, rule none, plain\)"):
        draw_table(3, Held(tree, study))
    tree["sets/fc100-100-10/seed-0/train"].children = {}
    with pytest.raises(InputError, match="the store lacks sets/fc100-100-10/seed-0/train/nearest"):
        draw_table(1, Held(tree, study))


def test_only_the_models_of_the_half_are_in_its_table(tree: xr.DataTree, study: Study) -> None:
    on_halves = study.model_copy(update={"models": study.models[3:]})
    assert tuple(draw_table(3, Held(tree, on_halves)).model.values) == ON_HALVES


def test_names_are_the_papers_where_it_has_them(tree: xr.DataTree, study: Study) -> None:
    table = draw_table(1, Held(tree, study))
    assert table.paper_name.values.tolist() == ["FC10(1e-4)", "FC100-100-10", "fc100-100-10-1"]
    assert draw_table(3, Held(tree, study)).trained_on.values.tolist() == ["p1", "p1", "p2"]
    assert paper.SET_SPLIT[1] == table.attrs["split"] == table.attrs["papers_split"] == "train"


def test_what_is_proved_nearby_stands_with_the_nearest_sets(tree: xr.DataTree, study: Study) -> None:
    values = {"example": [1, 2, 3], "found": [0.1, 0.2, 0.3], "certified": [0.1, 0.199, 0.15], "read": [True] * 3}
    arrays = {name: ("example", each) for name, each in values.items()}
    tree["certified/fc10-1e-4/seed-0"] = xr.DataTree(xr.Dataset(arrays, attrs={"method": "local", "split": "train"}))
    table = draw_table(1, Held(tree, study))
    row = table.sel(model="fc10-1e-4")
    assert float(row.bracket) == pytest.approx((1 + 0.995 + 0.5) / 3)
    assert (float(row.bracket_close), float(row.bracket_known)) == pytest.approx((2 / 3, 1 / 3))
    _, random, nearest = sorted(
        model_sheets(table), key=lambda sheet: ("rule" in sheet.title, "nearest" in sheet.title)
    )
    place = nearest.columns.index("lower bound")
    assert [line[place] for line in nearest.rows] == ["83.17% (66.67, 33.33)", "0.02000", "0.02000"]
    assert "is proved" in nearest.notes[0]
    assert random.rows[0][random.columns.index("lower bound")] == "0.02000"
    assert "is proved" not in random.notes[0]
